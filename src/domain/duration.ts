const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNIT_MS;

const DURATION = /^(\d{1,12})(ms|s|m|h|d)?$/;

/** Milliseconds of `500ms`, `30s`, `15m`, `24h`, `7d`; a bare number is milliseconds. null: it is none of these. */
export function parseDuration(text: string): number | null {
  const found = DURATION.exec(text.trim());
  if (found === null) return null;
  return Number(found[1]) * UNIT_MS[(found[2] ?? 'ms') as Unit];
}

/** In the largest unit that fits without a remainder. */
export function describeDuration(ms: number): string {
  const units = Object.keys(UNIT_MS).reverse() as Unit[];
  const unit = units.find((name) => ms >= UNIT_MS[name] && ms % UNIT_MS[name] === 0) ?? 'ms';
  return `${String(ms / UNIT_MS[unit])}${unit}`;
}
