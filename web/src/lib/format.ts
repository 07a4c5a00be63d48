// Sizes, times and digests as people read them.

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

export function bytes(count: number | null | undefined): string {
  if (count == null) return '–';
  let unit = 0;
  let value = count;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export const number = (count: number): string => count.toLocaleString('en');

export const count = (many: number, one: string, more = `${one}s`): string => `${number(many)} ${many === 1 ? one : more}`;

const STEPS: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, 'second'],
  [60, 'minute'],
  [24, 'hour'],
  [7, 'day'],
  [4.35, 'week'],
  [12, 'month'],
  [Infinity, 'year'],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

export function ago(at: string, now = Date.now()): string {
  let value = (Date.parse(at) - now) / 1000;
  if (Math.abs(value) < 10) return 'just now';
  for (const [size, unit] of STEPS) {
    if (Math.abs(value) < size) return relative.format(Math.round(value), unit);
    value /= size;
  }
  return at;
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
export const moment = (at: string): string => full.format(new Date(at));

/** `sha256:` and the first letters: enough to tell them apart at a glance. */
export function short(digest: string): string {
  const [algorithm, hex] = digest.split(':');
  return hex ? (algorithm === 'sha256' ? hex.slice(0, 12) : `${algorithm}:${hex.slice(0, 12)}`) : digest;
}

/** How a repository is named by a client. */
export const host = (): string => location.host;

/** Words between blanks and commas. */
export const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** `10 GB` and `512MiB` as bytes; nothing if it is not a size. */
export function parseBytes(text: string): number | undefined {
  const found = /^\s*([\d.]+)\s*([kmgtp]?)(i?)b?\s*$/i.exec(text);
  if (!found) return undefined;
  const power = ' kmgtp'.indexOf((found[2] || ' ').toLowerCase());
  const bytes = Number(found[1]) * (found[3] ? 1024 : 1000) ** power;
  return Number.isFinite(bytes) ? Math.round(bytes) : undefined;
}

/** How long something takes or has waited. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
