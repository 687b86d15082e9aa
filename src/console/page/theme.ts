export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'paygate.theme';

/** What was chosen here before; `auto`: as the system has it. */
export function storedTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === stored) ?? 'auto';
}

/** Shows the page in these colours from now on. */
export function applyTheme(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  localStorage.setItem(KEY, theme);
  window.dispatchEvent(new Event('paygate.theme'));
}

/** Calls back when the colours change, by choice or by the system. The returned function ends it. */
export function onColoursChange(callback: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', callback);
  window.addEventListener('paygate.theme', callback);
  return () => {
    system.removeEventListener('change', callback);
    window.removeEventListener('paygate.theme', callback);
  };
}

/** Value of a colour of the style sheet as it is now. */
export function colour(name: string): string {
  // Computed through an element: a custom property alone would come back as it was written.
  const probe = document.createElement('span');
  probe.className = `probe probe-${name}`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
