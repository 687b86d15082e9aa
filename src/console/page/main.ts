import { html, render } from 'htm/preact';
import { App } from './app.ts';
import { applyTheme, storedTheme } from './theme.ts';

const place = document.getElementById('app');
if (place === null) throw new Error('the page has no place for the console');
applyTheme(storedTheme());
place.replaceChildren();
render(html`<${App} />`, place);
