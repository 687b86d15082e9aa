import { userInfo } from 'node:os';
import { Option } from 'commander';
import { OPERATOR_CHARS_MAX, WHY_CHARS_MAX } from '../contracts/order-mail.ts';
import { CommandError } from './exit-codes.ts';
import { words } from './options.ts';

/** Who acts and why: both are written down for ever. */

export const whyOption = (): Option =>
  new Option('--why <text>', `the reason, kept in the ledger; at most ${WHY_CHARS_MAX} characters`).argParser(
    words(WHY_CHARS_MAX),
  );

export const operatorOption = (): Option =>
  new Option('--operator <name>', 'who is doing it (default: your user name)').argParser(
    words(OPERATOR_CHARS_MAX),
  );

/** Throws `CommandError` where nobody was named and the system knows no name. */
export function operatorName(given: string | undefined): string {
  if (given !== undefined) return given;
  try {
    return userInfo().username.slice(0, OPERATOR_CHARS_MAX);
  } catch (error) {
    throw new CommandError('this system user has no name: say who you are with --operator', undefined, {
      cause: error,
    });
  }
}
