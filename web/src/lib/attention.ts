// What asks for somebody's action: what the registry says of itself, and what else can be seen to go wrong.
import { api, take } from './api';
import { ago, count } from './format';
import { href } from './router.svelte';

export interface Attention {
  severity: string;
  message: string;
  /** Where it can be dealt with. */
  link?: { label: string; to: string };
}

const SOON = 14 * 86_400_000;
const LOOK = 'Look';
/** More of a kind are one line. */
const MANY = 3;

async function system(): Promise<Attention[]> {
  const { warnings } = await take(api.GET('/system/warnings'));
  const links: Record<string, (subject: string) => Attention['link']> = {
    jobs: (subject) => ({ label: LOOK, to: href('/activity/jobs', { state: 'failed', kind: subject }) }),
    webhook: (subject) => ({ label: LOOK, to: href(`/activity/webhooks/${subject}`) }),
    backup: () => ({ label: 'Backups', to: href('/upkeep/backups') }),
    disk: () => ({ label: 'Settings', to: href('/settings') }),
    tls: () => ({ label: 'Settings', to: href('/settings') }),
    certificate: () => ({ label: 'Settings', to: href('/settings') }),
  };
  return warnings.map(({ severity, kind, subject, message }) => ({ severity, message, link: links[kind]?.(subject) }));
}

async function plugins(): Promise<Attention[]> {
  const found = await take(api.GET('/plugins'));
  return found.plugins.flatMap((one) => {
    const link = { label: LOOK, to: href(`/plugins/${one.name}`) };
    if (one.state === 'broken') return [{ severity: 'error', message: `The plugin ${one.name} is broken: ${one.problem ?? ''}`, link }];
    const resting = one.hooks.filter((hook) => hook.resting_until).map((hook) => hook.hook);
    return resting.length ? [{ severity: 'error', message: `The plugin ${one.name} keeps failing (${resting.join(', ')}) and is left alone for a while.`, link }] : [];
  });
}

async function damaged(): Promise<Attention[]> {
  const { blobs, next } = await take(api.GET('/scrub/damaged', { params: { query: { n: 100 } } }));
  if (!blobs.length) return [];
  const many = next ? 'More than 100 blobs are' : count(blobs.length, 'blob is', 'blobs are');
  return [{ severity: 'error', message: `${many} missing or damaged: push or restore them again.`, link: { label: LOOK, to: href('/upkeep/scrub') } }];
}

async function replication(): Promise<Attention[]> {
  const { states } = await take(api.GET('/replication/states', { params: { query: { behind: true, n: 500 } } }));
  const failing = states.filter((one) => one.state === 'failing');
  return [...new Set(failing.map((one) => one.target))].map((target) => {
    const of = failing.filter((one) => one.target === target);
    const link = { label: LOOK, to: href('/replication', { target, behind: 'true' }) };
    return { severity: 'warning', message: `${count(of.length, 'tag does', 'tags do')} not get to ${target}: ${of[0]?.reason ?? ''}`, link };
  });
}

async function tokens(): Promise<Attention[]> {
  const found = await take(api.GET('/tokens', { params: { query: { owner: '*', n: 1000 } } }));
  const ending = found.tokens.filter((one) => one.expires_at && Date.parse(one.expires_at) > Date.now() && Date.parse(one.expires_at) < Date.now() + SOON);
  if (ending.length > MANY) return [{ severity: 'warning', message: `${ending.length} tokens end within two weeks.`, link: { label: 'Robots', to: href('/access/robots') } }];
  return ending.map(({ name, owner, owner_kind, expires_at }) => ({
    severity: 'warning',
    message: `The token ${name} of ${owner} ends ${ago(expires_at ?? '')}.`,
    link: { label: LOOK, to: href(`/access/${owner_kind === 'robot' ? 'robots' : 'users'}/${owner}`) },
  }));
}

/** The worst first. What cannot be looked at is left out: the page for it says why. */
export async function attention(): Promise<Attention[]> {
  const parts = await Promise.allSettled([system(), plugins(), damaged(), replication(), tokens()]);
  const found = parts.flatMap((part) => (part.status === 'fulfilled' ? part.value : []));
  return found.sort((a, b) => a.severity.localeCompare(b.severity));
}
