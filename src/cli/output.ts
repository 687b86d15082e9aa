import { styleText } from 'node:util';
import Table from 'cli-table3';

/** Everything a command prints for a person or a program goes through here; logs go to stderr. */

export const isTerminal = (): boolean => process.stdout.isTTY;

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Integers as JSON numbers while these are exact, as strings beyond 2^53 − 1. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** `indent` 0: on one line. */
export function jsonText(value: unknown, indent = 2): string {
  return JSON.stringify(value, jsonValue, indent);
}

export function printJson(value: unknown): void {
  print(jsonText(value));
}

const NO_FRAME = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

export type Cell = string | number | bigint | null;

const NUMBER = /^[-\d.,]+$/;

/** Numbers, amounts as `money` writes them, and nothing else. */
function isNumeric(cells: readonly (Cell | undefined)[]): boolean {
  return cells.every((cell) => typeof cell !== 'string' || NUMBER.test(cell));
}

/** A plain table, columns aligned; numbers and amounts to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const numeric = head.map((_, column) => isNumeric(rows.map((row) => row[column])));
  const view = new Table({
    chars: NO_FRAME,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    head: head.map((title) => bold(title)),
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
  });
  for (const row of rows) view.push(row.map((cell) => (cell === null ? '–' : String(cell))));
  return view
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

export function bold(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
}

export function paint(colour: 'green' | 'red' | 'yellow' | 'gray' | 'cyan', text: string): string {
  return styleText(colour, text, { stream: process.stdout });
}

/** `1234567` cents as `12,345.67`. */
export function money(cents: bigint): string {
  const sign = cents < 0n ? '-' : '';
  const digits = (cents < 0n ? -cents : cents).toString().padStart(3, '0');
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${sign}${whole}.${digits.slice(-2)}`;
}

export function count(value: number | bigint): string {
  return value.toLocaleString('en-US');
}
