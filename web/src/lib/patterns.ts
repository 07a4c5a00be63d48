// Patterns of repositories, as the server reads them: `team/app`, `team/*`, `team/**`, `**`.

function fits(pattern: string, name: string): boolean {
  const whole = pattern.endsWith('/') ? `${pattern}**` : pattern;
  const text = whole
    .split(/(\*+)/)
    .map((part) => (/^\*\*+$/.test(part) ? '.*' : part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('');
  return new RegExp(`^${text}$`).test(name);
}

/** Whether one of these is about a repository. */
export const isAbout = (patterns: string[], name: string): boolean => patterns.some((pattern) => fits(pattern, name));
