// What was done, for a moment, with a way back where there is one.

export interface Toast {
  id: number;
  text: string;
  isError: boolean;
  action?: { label: string; run: () => void };
}

let toasts = $state<Toast[]>([]);
let last = 0;

export const shown = {
  get toasts() {
    return toasts;
  },
};

export function dismiss(id: number): void {
  toasts = toasts.filter((toast) => toast.id !== id);
}

export function toast(text: string, options: { isError?: boolean; action?: Toast['action'] } = {}): void {
  const id = ++last;
  toasts = [...toasts.slice(-3), { id, text, isError: options.isError ?? false, action: options.action }];
  setTimeout(() => dismiss(id), options.action || options.isError ? 10_000 : 4_000);
}
