// Where somebody is, from the address alone, so that everything has a link. Names of repositories hold slashes and stand in
// the path as they are; `/-/` ends them, as no part of a name can be `-`.
import { parse } from 'regexparam';

export const BASE = '/ui';

interface Place {
  path: string;
  query: URLSearchParams;
}

function here(): Place {
  const path = decodeURIComponent(location.pathname).replace(/^\/ui/, '').replace(/\/+$/, '') || '/';
  return { path, query: new URLSearchParams(location.search) };
}

let place = $state.raw<Place>(here());

export const route = {
  get path() {
    return place.path;
  },
  get query() {
    return place.query;
  },
};

/** A link into the UI. */
export function href(path: string, query?: Record<string, string | undefined>): string {
  const parts = path.split('/').map((part) => encodeURIComponent(part).replaceAll('%3A', ':').replaceAll('%40', '@'));
  const pairs = Object.entries(query ?? {}).filter((pair): pair is [string, string] => !!pair[1]);
  const search = new URLSearchParams(pairs).toString();
  return `${BASE}${parts.join('/')}${search ? `?${search}` : ''}`;
}

/** Goes somewhere; `to` is what `href` gives. */
export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  const moved = here().path !== place.path;
  place = here();
  if (moved && !replace) {
    scrollTo(0, 0);
    // Whoever does not see the page learns that there is another one.
    requestAnimationFrame(() => document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true }));
  }
}

/** Changes the query and nothing else, without a step to go back to. */
export function setQuery(changes: Record<string, string | undefined>): void {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(changes)) {
    if (value) query.set(key, value);
    else query.delete(key);
  }
  const search = query.toString();
  go(`${location.pathname}${search ? `?${search}` : ''}`, true);
}

addEventListener('popstate', () => {
  place = here();
});

/** Plain links lead through the router, so that they can be opened in another tab as well. */
export function catchLinks(event: MouseEvent): void {
  const link = (event.target as Element | null)?.closest('a');
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target || link.hasAttribute('download')) return;
  const url = new URL(link.href, location.href);
  if (url.origin !== location.origin || !(url.pathname === BASE || url.pathname.startsWith(`${BASE}/`))) return;
  event.preventDefault();
  go(url.pathname + url.search + url.hash);
}

/** What a pattern such as `/activity/jobs/:id` finds in the path. */
export function match(pattern: string, path: string): Record<string, string> | undefined {
  const { keys, pattern: expression } = parse(pattern);
  const found = expression.exec(path);
  if (!found) return undefined;
  return Object.fromEntries(keys.map((key, index) => [key, found[index + 1] ?? '']));
}
