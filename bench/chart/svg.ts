/** The few elements that charts are made of. Coordinates in pixels, rounded to tenths; colours are classes. */

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const px = (value: number): string => String(Math.round(value * 10) / 10);

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** `title` shows when a pointer rests on it. */
export function rect({ x, y, width, height }: Box, className: string, title = ''): string {
  const shape = `x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" class="${className}"`;
  return title === '' ? `<rect ${shape}/>` : `<rect ${shape}><title>${escape(title)}</title></rect>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, className: string): string {
  return `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" class="${className}"/>`;
}

export function dot(x: number, y: number, className: string, title: string): string {
  return `<circle cx="${px(x)}" cy="${px(y)}" r="4" class="${className}"><title>${escape(title)}</title></circle>`;
}

export function label(
  x: number,
  y: number,
  text: string,
  className = '',
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  const names = className === '' ? '' : ` class="${className}"`;
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}"${names}>${escape(text)}</text>`;
}

/** A whole picture, for light and dark surroundings. */
export function picture(width: number, height: number, style: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" height="${px(height)}">`,
    `<style>${style}</style>`,
    rect({ x: 0, y: 0, width, height }, 'paper'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
