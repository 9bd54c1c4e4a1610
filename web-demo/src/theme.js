/** Light or dark: as the system says, until the button says otherwise. */
const system = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;

export function setUpTheme(button, onChange) {
  let chosen = kept();
  const show = () => {
    const theme = chosen ?? (system.matches ? 'dark' : 'light');
    root.dataset.theme = theme;
    button.textContent = theme === 'dark' ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Change to ${theme === 'dark' ? 'light' : 'dark'} colours`);
    onChange?.();
  };
  button.addEventListener('click', () => {
    chosen = root.dataset.theme === 'dark' ? 'light' : 'dark';
    try {
      localStorage.setItem('theme', chosen);
    } catch {
      // a browser that keeps nothing: until the page is closed, then
    }
    show();
  });
  system.addEventListener('change', show);
  show();
}

function kept() {
  try {
    return localStorage.getItem('theme');
  } catch {
    return null;
  }
}
