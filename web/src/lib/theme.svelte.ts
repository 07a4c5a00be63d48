// Light, dark, or what the system says.

export type Theme = 'system' | 'light' | 'dark';

function stored(): Theme {
  try {
    const found = localStorage.getItem('berth.theme');
    return found === 'light' || found === 'dark' ? found : 'system';
  } catch {
    return 'system';
  }
}

let chosen = $state<Theme>(stored());

export const theme = {
  get chosen() {
    return chosen;
  },
  choose(wanted: Theme) {
    chosen = wanted;
    if (wanted === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = wanted;
    try {
      localStorage.setItem('berth.theme', wanted);
    } catch {
      // It holds until the page is left.
    }
  },
};

export const isDark = (): boolean => {
  const set = document.documentElement.dataset.theme;
  return set ? set === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
};
