import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { applyTheme, storedTheme, THEMES, type Theme } from '../theme.ts';

const SIGNS = { auto: '◐', light: '○', dark: '●' } as const;

/** Goes round: as the system has it, light, dark. */
export function ThemeSwitch(): VNode {
  const [theme, setTheme] = useState<Theme>(storedTheme());
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
  const choose = (): void => {
    applyTheme(next);
    setTheme(next);
  };
  return html`<button class="quiet theme" onClick=${choose} title=${`Colours: ${theme}; next: ${next}`}>
    <span aria-hidden="true">${SIGNS[theme]}</span
    ><span class="hidden">Colours: ${theme}. Change to ${next}.</span>
  </button>`;
}
