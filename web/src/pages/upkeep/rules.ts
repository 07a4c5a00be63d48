// What rules of retention look at, and how they are written.
import type { Schemas } from '../../lib/api';

/** A rule while somebody writes it. */
export interface Draft {
  kind: string;
  value: string;
  among: string;
}

/** What is looked at, in words; what stands in its field as an example; whether it is a number. */
export const KEEP: Record<string, [string, string, boolean?]> = {
  newest: ['the newest so many', '10', true],
  tag: ['tags of a pattern', 'v*'],
  semver: ['versions in a range', '>=1.2, <2'],
  pushed_within: ['moved within', '30d'],
  pulled_within: ['pulled within', '14d'],
  referrer: ['what something of this type refers to', '*'],
};
export const DROP: Record<string, [string, string, boolean?]> = {
  older_than: ['not moved for', '90d'],
  not_pulled_for: ['not pulled and not moved for', '60d'],
  beyond_newest: ['all but the newest so many', '20', true],
  tag: ['tags of a pattern', 'pr-*'],
  untagged: ['manifests without a tag, pushed before', '7d'],
};

type Rule = Schemas['PolicyView']['keep'][number];

export function toDraft(rule: Rule): Draft {
  const { among = '', ...rest } = rule as unknown as Record<string, string | number>;
  const [kind = '', value = ''] = Object.entries(rest)[0] ?? [];
  return { kind, value: String(value), among: String(among) };
}

export function fromDraft({ kind, value, among }: Draft, kinds: Record<string, [string, string, boolean?]>): Rule {
  const rule = { [kind]: kinds[kind]?.[2] ? Number(value) : value, ...(among && { among }) };
  return rule as unknown as Rule;
}

/** `newest 10 among v*`. */
export function inWords(rule: Rule): string {
  const { kind, value, among } = toDraft(rule);
  return `${kind.replaceAll('_', ' ')} ${value}${among ? ` among ${among}` : ''}`;
}
