/** How a state of a job is shown. */
export const tone = (state: string): string =>
  ({ done: 'good', failed: 'bad', running: 'accent', cancelled: 'warn' })[state] ?? '';
