// Events in words.
import type { Schemas } from './api';

type Event = Schemas['EventView'];

const VERBS: Record<string, string> = {
  'blob.push': 'pushed the blob',
  'blob.delete': 'deleted the blob',
  'manifest.push': 'pushed the manifest',
  'manifest.delete': 'deleted the manifest',
  'manifest.pull': 'pulled',
  'tag.push': 'moved the tag',
  'tag.delete': 'deleted the tag',
  'repository.change': 'changed the description of',
  'repository.delete': 'deleted the repository',
  'account.add': 'made the account',
  'account.change': 'changed the account',
  'account.remove': 'removed the account',
  'group.change': 'changed the group',
  'token.add': 'made the token',
  'token.change': 'changed the token',
  'token.remove': 'revoked the token',
  'binding.add': 'made the rule',
  'binding.remove': 'removed the rule',
  'role.change': 'changed the role',
  'trust.change': 'changed whom to trust:',
  'key.rotate': 'replaced the signing key',
  'webhook.change': 'changed the webhook',
  'session.start': 'signed in',
  'session.end': 'signed out',
  'request.refuse': 'was refused:',
};

export const KINDS = Object.keys(VERBS);

export const verb = (event: Event): string => VERBS[event.kind] ?? event.kind;

/** What it was done to, short enough for a line. */
export function target(event: Event): string {
  if (event.kind === 'session.start' || event.kind === 'session.end') return '';
  const what = event.target ?? '';
  const shown = /^sha\d+:/.test(what) ? what.slice(0, 19) : what;
  if (!event.repository) return shown;
  if (!shown) return event.repository;
  return `${event.repository}${/^sha\d+:/.test(shown) ? '@' : event.kind.startsWith('tag.') ? ':' : ' '}${shown}`;
}
