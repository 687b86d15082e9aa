import { once } from 'node:events';
import { stringify } from 'csv-stringify';
import type { Config } from '../../config.ts';
import { readWayBack, takenOverAt, type Adjustment, type BackCosts } from '../../infra/postgres/way-back.ts';
import { queueStatus } from '../../infra/rabbitmq/queue-status.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { count, money, paint, print, printError, printJson, table } from '../output.ts';
import { withPool } from '../with-pool.ts';

export interface WayBackOptions {
  readonly form: 'words' | 'json' | 'csv';
  /** Accounts listed in words and in JSON; CSV has all. */
  readonly limit: number;
}

/** Why nobody should go back yet. */
interface Obstacle {
  readonly name: 'reader' | 'retries' | 'parked';
  readonly detail: string;
}

interface Listed {
  readonly accounts: number;
  readonly adjustCents: bigint;
  readonly listed: readonly Adjustment[];
}

/** Lists the accounts to adjust and what else it costs; changes nothing. Exit code 1 while something stands in the way. */
export async function showWayBack(config: Config, options: WayBackOptions): Promise<void> {
  const { listed, costs } = await withPool(config, async (pool) => {
    if ((await takenOverAt(pool)) === null)
      throw new CommandError(
        'this database was never taken over: there is nothing to go back from',
        EXIT.finding,
      );
    const list = options.form === 'csv' ? csvList() : shortList(options.limit);
    const costs = await readWayBack(pool, (page) => list.add(page));
    return { listed: await list.end(), costs };
  });
  const obstacles = obstaclesOf(await readersOf(config), costs);
  if (obstacles.length > 0) process.exitCode = EXIT.finding;
  if (options.form === 'json') {
    const { listed: named, ...sums } = listed;
    printJson({ ok: obstacles.length === 0, obstacles, ...sums, costs, listed: named });
    return;
  }
  const say = options.form === 'csv' ? printError : print;
  say(describe(listed, costs, obstacles));
}

async function readersOf(config: Config): Promise<number> {
  const status = await queueStatus(config.rabbitmqUrl, ['transactions_queue']);
  return status.get('transactions_queue')?.consumers ?? 0;
}

function obstaclesOf(readers: number, { retries, parked }: BackCosts): readonly Obstacle[] {
  const obstacles: readonly (readonly [isThere: boolean, obstacle: Obstacle])[] = [
    [
      readers > 0,
      { name: 'reader', detail: 'a node still reads transactions_queue: drain and stop all of them' },
    ],
    [
      retries > 0,
      {
        name: 'retries',
        detail: `${count(retries)} transactions wait for a retry, and no queue has them: let the nodes finish them first`,
      },
    ],
    [
      parked > 0,
      {
        name: 'parked',
        detail: `${count(parked)} commands are parked, and no queue has them: release their accounts first`,
      },
    ],
  ];
  return obstacles.filter(([isThere]) => isThere).map(([, obstacle]) => obstacle);
}

interface List {
  add(page: readonly Adjustment[]): Promise<void>;
  end(): Promise<Listed>;
}

function shortList(limit: number): List {
  const listed: Adjustment[] = [];
  const sums = new Sums();
  return {
    add: (page) => {
      sums.add(page);
      listed.push(...page.slice(0, Math.max(limit - listed.length, 0)));
      return Promise.resolve();
    },
    end: () => Promise.resolve({ ...sums.result(), listed }),
  };
}

const COLUMNS = ['account_id', 'balance_cents', 'old_balance_cents', 'adjust_cents'];

/** RFC 4180, to standard output. */
function csvList(): List {
  const csv = stringify({ header: true, columns: COLUMNS, record_delimiter: 'windows' });
  csv.pipe(process.stdout, { end: false });
  const sums = new Sums();
  return {
    add: async (page) => {
      sums.add(page);
      for (const { accountId, balanceCents, oldBalanceCents, adjustCents } of page) {
        const isTaken = csv.write([
          accountId,
          String(balanceCents),
          String(oldBalanceCents),
          String(adjustCents),
        ]);
        if (!isTaken) await once(csv, 'drain');
      }
    },
    end: async () => {
      const ended = once(csv, 'end');
      csv.end();
      await ended;
      return { ...sums.result(), listed: [] };
    },
  };
}

class Sums {
  #accounts = 0;
  #adjustCents = 0n;

  add(page: readonly Adjustment[]): void {
    this.#accounts += page.length;
    for (const { adjustCents } of page) this.#adjustCents += adjustCents;
  }

  result(): Omit<Listed, 'listed'> {
    return { accounts: this.#accounts, adjustCents: this.#adjustCents };
  }
}

function describe(
  { accounts, adjustCents, listed }: Listed,
  costs: BackCosts,
  obstacles: readonly Obstacle[],
): string {
  const rows = listed.map((one) => [
    one.accountId,
    money(one.balanceCents),
    money(one.oldBalanceCents),
    money(one.adjustCents),
  ]);
  const more = accounts - listed.length;
  return [
    ...obstacles.map(({ name, detail }) => `  ${paint('red', 'NO')}  ${name}: ${detail}`),
    accounts === 0
      ? 'No account has to be adjusted: no CHARGE was approved.'
      : `The old processor counts CHARGE as 0: ${count(accounts)} ${accounts === 1 ? 'account' : 'accounts'} to adjust, by ${money(adjustCents)} in all.`,
    ...(rows.length === 0 ? [] : [table(['account', 'balance', 'old processor', 'adjust by'], rows)]),
    ...(more > 0 && rows.length > 0 ? [`… and ${count(more)} more (--limit, --csv)`] : []),
    ...costLines(costs),
    'Nothing was changed. The way back, step by step: docs/SWITCHING.md',
  ].join('\n');
}

function costLines(costs: BackCosts): readonly string[] {
  const lines: readonly (readonly [many: number, words: string])[] = [
    [
      costs.partlyRefunded,
      'transactions are refunded in part: the old processor refuses what is left of them',
    ],
    [costs.frozen, 'accounts are frozen: it goes on with them'],
    [costs.closed, 'accounts are closed: it goes on with them'],
    [costs.quarantined, 'accounts are quarantined: it goes on with them'],
    [costs.overdrafts, 'accounts have an overdraft: it knows none'],
    [costs.deadLetters, 'dead letters are open: it does not know them'],
    [costs.pending, 'transactions are PENDING: it decides those alone whose message is in the queue'],
    [costs.outbox, 'commits whose balances are not all in Redis: a node that starts brings them there'],
  ];
  return lines.filter(([many]) => many > 0).map(([many, words]) => `  ${count(many)} ${words}`);
}
