// The admin API, with types that are made from its own description: a field that changes there fails the build here.
import createClient from 'openapi-fetch';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

let csrf = '';
/** What every change has to repeat; the session says so. */
export function setCsrf(token: string): void {
  csrf = token;
}

export const api = createClient<paths>({ baseUrl: '/api/v1' });
api.use({
  onRequest({ request }) {
    if (csrf && request.method !== 'GET' && request.method !== 'HEAD') request.headers.set('x-csrf-token', csrf);
    return request;
  },
});

/** Why something did not work, in the server's words. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
    readonly request: string,
  ) {
    super(message);
  }
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

let onSignedOut: () => void = () => undefined;
/** What happens when the session is over in the middle of something. */
export function whenSignedOut(action: () => void): void {
  onSignedOut = action;
}

/** The answer, or an exception that says what was wrong. */
export async function take<T>(pending: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await pending;
  } catch {
    throw new Problem('The registry does not answer. It may be restarting, or the network is down.', 0, 'OFFLINE', '');
  }
  const { data, error, response } = answer;
  if (response.ok) return data as T;
  const first = (error as Schemas['ErrorBody'] | undefined)?.errors?.[0];
  if (response.status === 401 && first?.code !== 'WRONG_PASSWORD') onSignedOut();
  const message = first?.message ?? `The registry answered ${response.status}.`;
  throw new Problem(message, response.status, first?.code ?? '', response.headers.get('x-request-id') ?? '');
}

export const explain = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Goes through all pages of a list. `most` bounds what a browser is asked to hold. */
export async function all<T>(
  page: (last: string | undefined) => Promise<{ items: T[]; next?: string | number | null }>,
  most = 50_000,
  onPage?: (items: T[]) => void,
): Promise<T[]> {
  const items: T[] = [];
  let last: string | undefined;
  do {
    const found = await page(last);
    items.push(...found.items);
    onPage?.(items);
    last = found.next == null ? undefined : String(found.next);
  } while (last !== undefined && items.length < most);
  return items;
}
