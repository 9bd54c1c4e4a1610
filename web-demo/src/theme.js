/** Light or dark: as the system says, until the button says otherwise. */
const system = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;

export function setUpTheme(button, onChange) {
  const show = () => {
    const theme = localStorage.getItem('theme') ?? (system.matches ? 'dark' : 'light');
    root.dataset.theme = theme;
    button.textContent = theme === 'dark' ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Change to ${theme === 'dark' ? 'light' : 'dark'} colours`);
    onChange?.();
  };
  button.addEventListener('click', () => {
    localStorage.setItem('theme', root.dataset.theme === 'dark' ? 'light' : 'dark');
    show();
  });
  system.addEventListener('change', show);
  show();
}
