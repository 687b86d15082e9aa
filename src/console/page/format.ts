/** Figures as a person reads them. Amounts come as decimal strings of cents and stay exact. */

const THIN = '\u202f';
const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, THIN);

/** A whole number that may exceed 2^53, as text and exact. */
export const digits = (whole: string): string => grouped(whole);

/** `1234567` as `1 234 567`; rates keep one digit below ten. */
export function count(value: number): string {
  if (!Number.isInteger(value) && Math.abs(value) < 9.95) return value.toFixed(1);
  return grouped(Math.round(value).toString());
}

/** `1 try`, `2 tries`. */
export const counted = (number: number, one: string, many: string): string =>
  `${count(number)} ${number === 1 ? one : many}`;

/** `-123456` cents as `−1 234.56`. */
export function money(cents: string): string {
  const digits = cents.replace(/^-/, '').padStart(3, '0');
  return `${cents.startsWith('-') ? '−' : ''}${grouped(digits.slice(0, -2))}.${digits.slice(-2)}`;
}

/** The same with its sign, for what changes a balance. */
export const change = (cents: string): string =>
  cents === '0' ? '0.00' : cents.startsWith('-') ? money(cents) : `+${money(cents)}`;

export function duration(ms: number): string {
  if (ms < 10 && !Number.isInteger(ms)) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${ms.toFixed(0)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`;

/** Since a time of the ledger, by the clock of the console's node. */
export function ageOf(at: string, nowMs: number): string {
  return duration(Math.max(0, nowMs - Date.parse(at)));
}

/** `14:03:07.123`, in UTC as everything in the ledger. */
export const clockTime = (at: string): string => at.slice(11, 23);
export const dateTime = (at: string): string => at.replace('T', ' ').replace(/\.\d+Z$/, '');

/** `0b7e19f4…c2d1`: enough to tell apart; the whole stands in the title. */
export const shortId = (id: string): string => `${id.slice(0, 8)}…${id.slice(-4)}`;
