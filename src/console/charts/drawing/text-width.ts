/**
 * Widths of characters in thousandths of the font size, as Helvetica and Arial have them: a drawing that is made once, anywhere,
 * cannot ask the font it will be shown in.
 */
const CLASSES: readonly (readonly [units: number, characters: string])[] = [
  [278, "ijlIft.,:;|!'/\\ ·"],
  [333, '()[]{}-r`"'],
  [722, 'ABCDEGHKNOPQRSUVXYw&'],
  [833, 'mMW@%→…'],
];
const USUAL = 556;

const UNITS = new Map(
  CLASSES.flatMap(([units, characters]) => Array.from(characters).map((one) => [one, units] as const)),
);

/** Fonts differ: so much more room than Helvetica would need. */
const SPARE = 1.1;

/** Pixels, rounded up. */
export function textWidth(text: string, fontSize: number): number {
  const units = Array.from(text).reduce((sum, character) => sum + (UNITS.get(character) ?? USUAL), 0);
  return Math.ceil((units / 1_000) * fontSize * SPARE);
}
