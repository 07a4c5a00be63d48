// What a page shows is fetched when what it depends on changes; what was there stays until the new is there.
import { untrack } from 'svelte';

export interface Resource<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly isLoading: boolean;
  reload(): Promise<void>;
  set(data: T): void;
}

/** `fetch` is called again whenever what it reads before its first `await` changes. */
export function load<T>(fetch: () => Promise<T>): Resource<T> {
  let data = $state.raw<T>();
  let error = $state.raw<unknown>();
  let isLoading = $state(true);
  let turn = 0;
  async function run(pending: Promise<T>): Promise<void> {
    const mine = ++turn;
    isLoading = true;
    try {
      const found = await pending;
      if (mine === turn) [data, error] = [found, undefined];
    } catch (thrown) {
      if (mine === turn) error = thrown;
    } finally {
      if (mine === turn) isLoading = false;
    }
  }
  $effect(() => {
    const pending = fetch();
    untrack(() => void run(pending));
  });
  return {
    get data() {
      return data;
    },
    get error() {
      return error;
    },
    get isLoading() {
      return isLoading;
    },
    reload: () => run(untrack(fetch)),
    set(found) {
      turn++;
      [data, error, isLoading] = [found, undefined, false];
    },
  };
}

/** Does something every few seconds while somebody looks. */
export function every(seconds: number, action: () => unknown): void {
  $effect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) action();
    }, seconds * 1000);
    return () => clearInterval(timer);
  });
}
