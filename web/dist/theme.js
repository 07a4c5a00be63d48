// Before anything is drawn, so that nobody is dazzled: the theme that was chosen here, if one was.
try {
  const theme = localStorage.getItem('berth.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be shut; the system's theme does.
}
