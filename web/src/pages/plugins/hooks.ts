// How hooks of a plugin are used, while somebody decides about it.
import type { Schemas } from '../../lib/api';
import { words } from '../../lib/format';

export interface HookDraft {
  hook: string;
  mode: string;
  fail: string;
  repositories: string;
  /** Whether somebody has touched it: what nobody touches stays as it is. */
  isChanged: boolean;
}

export const draftsOf = (hooks: Schemas['HookView'][]): HookDraft[] =>
  hooks.map(({ hook, mode, fail, repositories }) => ({ hook, mode, fail, repositories: repositories.join(' '), isChanged: false }));

/** Of a plugin that is not installed yet: as is usual for each hook. */
export const usual = (hooks: string[]): HookDraft[] =>
  hooks.map((hook) => ({ hook, mode: 'enforce', fail: '', repositories: '', isChanged: false }));

/** Those that were touched, as the API takes them. */
export function changedHooks(drafts: HookDraft[], known: Schemas['HookView'][] = []): Record<string, Record<string, never>> {
  const entries = drafts
    .filter((one) => one.isChanged)
    .map(({ hook, mode, fail, repositories }) => {
      const { order = 0, limits = {} } = known.find((one) => one.hook === hook) ?? {};
      return [hook, { mode, fail: fail || null, repositories: words(repositories), order, limits }];
    });
  return Object.fromEntries(entries) as Record<string, Record<string, never>>;
}
