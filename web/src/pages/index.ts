// Which page an address shows. Each comes when it is first asked for.
import type { Component } from 'svelte';
import { match } from '../lib/router.svelte';

interface Loaded {
  // What a page takes is checked where the page is written; here they are all alike.
  default: Component<any>; // eslint-disable-line @typescript-eslint/no-explicit-any
}

export interface Found {
  page: () => Promise<Loaded>;
  props: Record<string, string>;
  /** Whether those who are not signed in see it. */
  isOpen: boolean;
  /** Whether it stands alone, without the menu. */
  isBare: boolean;
  /** Pages of one key are one page whose parts change. */
  key: string;
}

type Options = Partial<Pick<Found, 'isOpen' | 'isBare'>>;

const pages: [string, () => Promise<Loaded>, Options?][] = [
  ['/', () => import('./Home.svelte')],
  ['/sign-in', () => import('./SignIn.svelte'), { isOpen: true, isBare: true }],
  ['/set-up', () => import('./SetUp.svelte'), { isOpen: true, isBare: true }],
  ['/profile', () => import('./Profile.svelte')],
  ['/repositories', () => import('./Repositories.svelte'), { isOpen: true }],
  ['/access/:part?/:name?', () => import('./access/Access.svelte')],
  ['/activity/jobs/:id', () => import('./activity/Job.svelte')],
  ['/activity/webhooks/:name', () => import('./activity/Webhook.svelte')],
  ['/activity/:part?', () => import('./activity/Activity.svelte')],
  ['/plugins/:name?', () => import('./plugins/Plugins.svelte')],
  ['/replication/:part?', () => import('./replication/Replication.svelte')],
  ['/settings/:part?', () => import('./Settings.svelte')],
  ['/upkeep/:part?', () => import('./upkeep/Upkeep.svelte')],
  ['/vulnerabilities/:part?', () => import('./vulnerabilities/Vulnerabilities.svelte')],
];

/** `/repo/NAME`, `/repo/NAME/-/PART`, `/repo/NAME/-/image/REFERENCE` … */
function repository(path: string): Found | undefined {
  const rest = /^\/repo\/(.+)$/.exec(path)?.[1];
  if (!rest) return undefined;
  const [name = '', part = 'tags'] = rest.split('/-/');
  const [kind = '', ...references] = part.split('/');
  const common = { isOpen: true, isBare: false };
  if (kind === 'image') {
    const props = { name, reference: references[0] ?? '', part: references[1] ?? '' };
    return { ...common, page: () => import('./image/Image.svelte'), props, key: `image ${name} ${references[0]}` };
  }
  if (kind === 'compare') {
    const props = { name, left: references[0] ?? '', right: references[1] ?? '' };
    return { ...common, page: () => import('./image/Compare.svelte'), props, key: `compare ${path}` };
  }
  return { ...common, page: () => import('./repository/Repository.svelte'), props: { name, part: kind }, key: `repository ${name}` };
}

export function find(path: string): Found {
  for (const [pattern, page, options] of pages) {
    const props = match(pattern, path);
    if (props) {
      const key = pattern.includes(':part') ? (pattern.split('/')[1] ?? '') : path;
      return { page, props, isOpen: false, isBare: false, key, ...options };
    }
  }
  return (
    repository(path) ?? { page: () => import('./NotFound.svelte'), props: {}, isOpen: true, isBare: false, key: path }
  );
}
