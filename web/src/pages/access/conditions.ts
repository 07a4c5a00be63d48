// Conditions on claims, one a line: `repository is acme/app`, `ref like refs/heads/*`, `env in a, b`, `groups has devs`.
import type { Schemas } from '../../lib/api';

type Condition = Schemas['ConditionView'];

export const inWords = (one: Condition): string =>
  one.is ? `${one.claim} is ${one.is}` : one.like ? `${one.claim} like ${one.like}` : one.in ? `${one.claim} in ${one.in.join(', ')}` : `${one.claim} has ${one.has ?? ''}`;

export function read(line: string): Condition {
  const [, claim = '', verb = '', value = ''] = /^\s*(\S+)\s+(is|like|in|has)\s+(.+?)\s*$/.exec(line) ?? [];
  if (!claim) throw new Error(`“${line.trim()}” is no condition: write CLAIM is VALUE, CLAIM like PATTERN, CLAIM in A, B or CLAIM has VALUE`);
  return verb === 'in' ? { claim, in: value.split(',').map((one) => one.trim()).filter(Boolean) } : { claim, [verb]: value };
}
