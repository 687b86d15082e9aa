/** Without these, a slip of the finger would freeze or adjust an account, or an order could not be typed at all. */
import { Command, CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { accountCommand } from '../../../src/cli/account-command.ts';
import { clusterCommand } from '../../../src/cli/cluster-command.ts';
import { CommandError } from '../../../src/cli/exit-codes.ts';
import { withOurExits } from '../../../src/cli/our-exits.ts';

const ID = '00000000-0000-4000-8000-000000000001';

// Commander says what it refuses there; the tests look at what it throws.
beforeEach(() => void vi.spyOn(process.stderr, 'write').mockReturnValue(true));
afterEach(() => void vi.restoreAllMocks());

/** What is refused, or printed as help, before anything is connected to. */
async function said(...words: readonly string[]): Promise<string> {
  const program = new Command('paygate').enablePositionalOptions();
  for (const command of [accountCommand(), clusterCommand()]) program.addCommand(command);
  try {
    await withOurExits(program).parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError || error instanceof CommandError) return error.message;
    throw error;
  }
  throw new Error('it was carried out');
}

describe('what is typed wrongly is refused', () => {
  it.each<[string, readonly string[], string]>([
    ['no reason', ['freeze'], "required option '--why <text>'"],
    ['an empty reason', ['freeze', '--why', ' '], 'expected 1 to 500 characters'],
    ['too long a reason', ['freeze', '--why', 'x'.repeat(501)], 'expected 1 to 500 characters'],
    ['a nameless operator', ['freeze', '--why', 'x', '--operator', ''], 'expected 1 to 100 characters'],
    ['an order id that is none', ['freeze', '--why', 'x', '--order', '1'], 'expected a UUID'],
    ['an adjustment by nothing', ['adjust', '0', '--why', 'x'], 'not 0'],
    ['an amount in whole units', ['adjust', '1.50', '--why', 'x'], 'whole cents'],
    ['an amount beyond 2^53', ['adjust', '-9007199254740992', '--why', 'x'], 'at most 9007199254740991'],
    ['no amount', ['adjust', '--why', 'x'], "missing required argument 'cents'"],
    ['a negative overdraft', ['overdraft', '-1', '--why', 'x'], '0 to 9007199254740991'],
    ['an action nobody knows', ['melt', '--why', 'x'], "unknown action 'melt'; known are freeze, unfreeze"],
    ['an option nobody knows', ['--whyy'], "unknown option '--whyy'"],
    ['an order with an amount it does not have', ['freeze', '5', '--why', 'x'], 'too many arguments'],
  ])('%s', async (_name, words, message) => expect(await said('account', ID, ...words)).toContain(message));

  it('a pause without a reason', async () =>
    expect(await said('cluster', 'pause')).toContain("required option '--why <text>'"));

  it('watching for programs', async () =>
    expect(await said('cluster', '--watch', '--json')).toContain('cannot be used with'));
});
