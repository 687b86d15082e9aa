/**
 * What operators do to dead letters, by the `paygate` command and on a whole node. Without this: a replay that decides twice, or
 * closes a letter whose message never left; a letter that nobody finds, or that cannot be got rid of.
 */
import { createHash, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { TransactionCommand } from '../../src/contracts/command.ts';
import { PostgresDeadLetterStore } from '../../src/infra/postgres/dead-letter-store.ts';
import { discardLetters, replayLetters } from '../../src/infra/postgres/letter-ledger.ts';
import type { ReplayMessage } from '../../src/infra/postgres/letter-ledger.ts';
import type { DeadLetter } from '../../src/ports/stores.ts';
import { insertRow, newAccount, newCommand, pendingCommand, rowOf } from '../support/ledger-fixtures.ts';
import { bodyOf } from '../support/message-bodies.ts';
import { paygate } from '../support/paygate.ts';
import { eventually } from '../support/services.ts';
import { cell, messagesIn, publish } from './node-scene.ts';
import { nonsense, useOneNode } from './use-one-node.ts';

const scene = useOneNode();

interface Letter {
  readonly id: string;
  readonly state: string;
  readonly code: string;
  readonly queue: string;
  readonly closed_by: string | null;
}

async function letters(): Promise<readonly Letter[]> {
  const { rows } = await scene.pool.query<Letter>(
    'select id::text, state, code, queue, closed_by from processor.dead_letters order by id',
  );
  return rows;
}

async function theLetter(): Promise<Letter> {
  return eventually(async () => {
    const [letter, ...more] = await letters();
    expect(more).toEqual([]);
    if (letter === undefined) throw new Error('there is no dead letter yet');
    return letter;
  });
}

const statusOf = async ({ transactionId }: TransactionCommand): Promise<string | undefined> =>
  (await rowOf(scene.pool, transactionId))?.status;

const journalCount = (): Promise<string> => cell(scene.pool, 'select count(*) from processor.journal');

interface Answer {
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly json: unknown;
}

/** `paygate dead-letters …`, by an operator called ada. */
async function deadLetters(...args: readonly string[]): Promise<Answer> {
  const isAction = args[0] === 'replay' || args[0] === 'discard';
  const { exitCode, stdout, stderr } = await paygate(
    ['dead-letters', ...args, '--json', ...(isAction ? ['--operator', 'ada'] : [])],
    scene.env,
  );
  return { exitCode, stderr, json: stdout === '' ? null : (JSON.parse(stdout) as unknown) };
}

function letterOf(command: TransactionCommand, fields: Partial<DeadLetter> = {}): DeadLetter {
  return {
    queue: 'transactions_queue',
    deadLetterQueue: 'transactions_dlq',
    code: 'ROW_LOCKED',
    detail: 'still so after 3 retries',
    transactionId: command.transactionId,
    accountId: command.accountId,
    body: Buffer.from(bodyOf(command)),
    attempts: 4,
    firstSeenAt: '2026-11-22T10:40:00.123Z',
    redelivered: false,
    marksError: true,
    ...fields,
  };
}

async function record(...given: readonly DeadLetter[]): Promise<readonly string[]> {
  return (await new PostgresDeadLetterStore(scene.pool).record(given)).map(String);
}

describe('a transaction in ERROR', () => {
  it('is decided by a replay, which closes its letter; a second replay says so, --again repeats it harmlessly', async () => {
    await scene.start();
    const accountId = await newAccount(scene.pool);
    const deposit = await pendingCommand(scene.pool, { accountId });
    const [id = ''] = await record(letterOf(deposit));
    expect(await statusOf(deposit)).toBe('ERROR');

    const first = await deadLetters('replay', id, '--why', 'the lock is gone', '--wait', '60');
    expect(first).toMatchObject({
      exitCode: 0,
      json: [
        {
          kind: 'sent',
          transactionId: deposit.transactionId,
          outcome: { kind: 'decided', status: 'APPROVED' },
        },
      ],
    });
    expect(await statusOf(deposit)).toBe('APPROVED');
    expect(await letters()).toMatchObject([{ state: 'replayed', closed_by: 'ada' }]);
    expect(
      await cell(scene.pool, 'select road from processor.journal where transaction_id = $1', [
        deposit.transactionId,
      ]),
    ).toBe('replay');

    const second = await deadLetters('replay', id);
    expect(second.exitCode).toBe(1);
    expect(second.json).toMatchObject([
      {
        kind: 'refused',
        why: expect.stringMatching(/^it was replayed by ada at \d{4}-.*--again/) as unknown,
      },
    ]);

    const again = await deadLetters('replay', id, '--again', '--wait', '60');
    expect(again).toMatchObject({ exitCode: 0, json: [{ outcome: { kind: 'decided', before: true } }] });
    expect(await journalCount()).toBe('1');
    expect(await letters()).toHaveLength(1);

    const { rows } = await scene.pool.query(
      `select operator, action, why, detail from processor.operator_log where subject = $1 order by id`,
      [`dead-letter:${id}`],
    );
    expect(rows).toMatchObject([
      { operator: 'ada', action: 'replay', why: 'the lock is gone', detail: { again: false } },
      { operator: 'ada', action: 'replay', why: null, detail: { again: true } },
    ]);
  });

  it('is not kept waiting by the operator who is just sending it', async () => {
    await scene.start();
    const accountId = await newAccount(scene.pool);
    const deposit = await pendingCommand(scene.pool, { accountId });
    const [id = '0'] = await record(letterOf(deposit));
    const results = await replayLetters(scene.pool, [BigInt(id)], {
      operator: 'ada',
      why: null,
      again: false,
      refundOf: null,
      send: async ({ queue, body }) => {
        await publish(scene.rabbitmqUrl, [{ queue, body }]);
        await eventually(async () => expect(await statusOf(deposit)).toBe('APPROVED'));
      },
    });
    expect(results).toMatchObject([{ kind: 'sent' }]);
    expect(await letters()).toMatchObject([{ state: 'replayed', closed_by: 'ada' }]);
  });
});

it('hundreds at once are sent in portions, and the command waits for all of them', async () => {
  await scene.start();
  const accounts = await Promise.all(Array.from({ length: 7 }, () => newAccount(scene.pool)));
  const deposits = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      pendingCommand(scene.pool, { accountId: accounts[n % accounts.length] ?? '' }),
    ),
  );
  await record(...deposits.map((deposit) => letterOf(deposit)));
  const { exitCode, stdout } = await paygate(
    ['dead-letters', 'replay', '--all', '--reason', 'ROW_LOCKED', '--operator', 'ada', '--wait', '120'],
    scene.env,
  );
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '300 dead letters: 300 approved' });
  expect(new Set((await letters()).map(({ state, closed_by }) => `${state} ${closed_by ?? ''}`))).toEqual(
    new Set(['replayed ada']),
  );
  expect(await journalCount()).toBe('300');
});

describe('a letter in hand', () => {
  const request = { operator: 'ada', why: null, again: false, refundOf: null } as const;

  it('is sent by one of two operators; whoever comes meanwhile is told', async () => {
    const [id = '0'] = await record(letterOf(newCommand({ accountId: randomUUID() })));
    const sent: ReplayMessage[] = [];
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const send = (message: ReplayMessage): Promise<void> => {
      sent.push(message);
      return sent.length === 1 ? held : Promise.resolve();
    };
    const first = replayLetters(scene.pool, [BigInt(id)], { ...request, send });
    await eventually(() => expect(sent).toHaveLength(1));
    const second = await replayLetters(scene.pool, [BigInt(id)], { ...request, again: true, send });
    const discard = await discardLetters(scene.pool, [BigInt(id)], { operator: 'bob', why: 'x' });
    letGo();
    const busy = [{ kind: 'refused', why: expect.stringContaining('somebody else') as unknown }];
    expect(await first).toMatchObject([{ kind: 'sent' }]);
    expect([second, discard]).toMatchObject([busy, busy]);
    expect(sent).toHaveLength(1);
  });

  it('does not swallow what its own replay becomes', async () => {
    const again = letterOf(newCommand({ accountId: randomUUID() }), {
      queue: 'retry_queue',
      redelivered: true,
    });
    const [id = '0'] = await record(again);
    const next: string[] = [];
    await replayLetters(scene.pool, [BigInt(id)], {
      ...request,
      // Given up once more, with the same bytes and from the same queue, before the letter is closed.
      send: async () => void next.push(...(await record(again))),
    });
    expect(next).not.toContain(id);
    expect((await letters()).map(({ state }) => state)).toEqual(['replayed', 'open']);
  });

  it('stays open where the broker did not take it; the others of the portion are closed', async () => {
    const commands = [1, 2, 3].map(() => newCommand({ accountId: randomUUID() }));
    const ids = await record(...commands.map((command) => letterOf(command)));
    const results = await replayLetters(scene.pool, ids.map(BigInt), {
      ...request,
      send: ({ letterId }) =>
        String(letterId) === ids[1] ? Promise.reject(new Error('unconfirmed')) : Promise.resolve(),
    });
    expect(results.map(({ kind }) => kind)).toEqual(['sent', 'not-sent', 'sent']);
    expect((await letters()).map(({ state }) => state)).toEqual(['replayed', 'open', 'replayed']);
  });
});

describe('what becomes of a replay', () => {
  it('given up again: a new letter, named by the command', async () => {
    await scene.start();
    await publish(scene.rabbitmqUrl, [{ queue: 'transactions_queue', body: nonsense() }]);
    const { id } = await theLetter();
    const replay = await deadLetters('replay', id, '--wait', '60');
    const [, next] = await letters();
    expect(replay).toMatchObject({
      exitCode: 1,
      json: [{ outcome: { kind: 'dead-letter', letterId: Number(next?.id), code: 'BODY_NOT_JSON' } }],
    });
    expect(await letters()).toMatchObject([
      { state: 'replayed', queue: 'transactions_queue' },
      { state: 'open', queue: 'retry_queue' },
    ]);
  });

  it('waiting for a retry, or not decided at all: it says so and does not wait for ever', async () => {
    await scene.start({ RETRY_DELAY_MS: '3600000' });
    const accountId = await newAccount(scene.pool);
    const [id = ''] = await record(letterOf(newCommand({ accountId }), { code: 'ROW_MISSING' }));
    expect(await deadLetters('replay', id, '--wait', '60')).toMatchObject({
      exitCode: 0,
      json: [{ outcome: { kind: 'retry', code: 'ROW_MISSING' } }],
    });
    await scene.stop();
    const [other = ''] = await record(letterOf(await pendingCommand(scene.pool, { accountId })));
    expect(await deadLetters('replay', other, '--wait', '0')).toMatchObject({
      exitCode: 0,
      json: [{ outcome: { kind: 'pending' } }],
    });
    expect((await messagesIn(scene.rabbitmqUrl, 'retry_queue')).length).toBe(1);
  });

  it('a balance request goes back to its own queue', async () => {
    await scene.start();
    const accountId = randomUUID();
    const body = JSON.stringify({ account_id: accountId });
    await publish(scene.rabbitmqUrl, [{ queue: 'calculate_balance_queue', body }]);
    const { id, code } = await theLetter();
    expect(code).toBe('ACCOUNT_UNKNOWN');
    await scene.pool.query('insert into accounts (id, username) values ($1, $2)', [accountId, 'late']);
    expect(await deadLetters('replay', id)).toMatchObject({
      exitCode: 0,
      json: [{ queue: 'calculate_balance_queue', outcome: { kind: 'pending' } }],
    });
    const redis = new Redis(scene.redisUrl);
    await eventually(async () => expect(await redis.get(`balance:${accountId}`)).toBe('0'));
    redis.disconnect();
  });
});

describe('a refund that does not say what it refunds', () => {
  it('is sent only with --refund-of, and only for an original that can be refunded', async () => {
    await scene.start();
    const accountId = await newAccount(scene.pool);
    const [deposit, purchase] = [
      await pendingCommand(scene.pool, { accountId }),
      await pendingCommand(scene.pool, { accountId, type: 'PURCHASE', amountCents: 400n }),
    ];
    const foreign = await pendingCommand(scene.pool, { accountId: await newAccount(scene.pool) });
    await scene.send([deposit, purchase, foreign]);
    await eventually(async () => expect(await journalCount()).toBe('3'));
    const refund = await pendingCommand(scene.pool, { accountId, type: 'REFUND', amountCents: 300n });
    const [id = '', plain = ''] = await record(
      letterOf(refund, { code: 'REFUND_TARGET_UNKNOWN', marksError: false }),
      letterOf(newCommand({ accountId })),
    );

    const refusals = [
      [[id], 'nobody knows what it refunds'],
      [[id, '--refund-of', randomUUID()], 'there is no such transaction'],
      [[id, '--refund-of', foreign.transactionId], 'it belongs to another account'],
      [[id, '--refund-of', refund.transactionId], 'it is a refund itself'],
      [[plain, '--refund-of', purchase.transactionId], 'REFUND_TARGET_UNKNOWN'],
    ] as const;
    for (const [args, why] of refusals)
      expect(await deadLetters('replay', ...args)).toMatchObject({
        exitCode: 1,
        json: [{ kind: 'refused', why: expect.stringContaining(why) as unknown }],
      });
    expect(await statusOf(refund)).toBe('PENDING');

    const mended = await deadLetters('replay', id, '--refund-of', purchase.transactionId, '--wait', '60');
    expect(mended).toMatchObject({ exitCode: 0, json: [{ outcome: { status: 'APPROVED' } }] });
    expect((await rowOf(scene.pool, refund.transactionId))?.refund_transaction_id).toBe(
      purchase.transactionId,
    );
    expect((await letters()).find((letter) => letter.id === id)).toMatchObject({ state: 'replayed' });
  });
});

describe('a body over 1 MiB', () => {
  it('is cut in the table, whole in the queue, and not replayed', async () => {
    await scene.start();
    const body = Buffer.from(`{"filler":"${'x'.repeat(1024 * 1024)}"}`);
    await publish(scene.rabbitmqUrl, [{ queue: 'transactions_queue', body }]);
    const { id, code } = await theLetter();
    expect(code).toBe('BODY_TOO_LARGE');
    const { rows } = await scene.pool.query(
      'select body, body_bytes::int as bytes, body_sha256 from processor.dead_letters',
    );
    expect(rows).toEqual([
      {
        body: body.subarray(0, 65_536),
        bytes: body.length,
        body_sha256: createHash('sha256').update(body).digest(),
      },
    ]);
    const replay = await deadLetters('replay', id);
    expect(replay).toMatchObject({
      exitCode: 1,
      json: [
        { kind: 'refused', why: expect.stringContaining('the whole message is in system_dlq') as unknown },
      ],
    });
    const shown = await paygate(['dead-letters', 'show', id], scene.env);
    expect(shown.stdout).toContain(
      `${body.length.toLocaleString('en-US')} bytes, of which the first 65,536 are kept here`,
    );
    await scene.stop();
    const [message] = await messagesIn(scene.rabbitmqUrl, 'system_dlq');
    expect(message?.content.equals(body)).toBe(true);
  });
});

describe('finding and closing letters', () => {
  it('one whose transaction was decided since is not listed but counted; a false claim on the id stays', async () => {
    await scene.start();
    const accountId = await newAccount(scene.pool);
    const deposit = newCommand({ accountId });
    const [missing, mismatch] = await record(
      letterOf(deposit, { code: 'ROW_MISSING' }),
      letterOf(deposit, { code: 'PAYLOAD_MISMATCH', marksError: false }),
    );
    // The row and its message came later.
    await insertRow(scene.pool, deposit);
    await scene.send([deposit]);
    await eventually(async () => expect(await statusOf(deposit)).toBe('APPROVED'));
    expect(await deadLetters('list')).toMatchObject({
      json: { total: 1, decidedSince: 1, letters: [{ id: Number(mismatch), standing: 'open' }] },
    });
    expect(await deadLetters('list', '--state', 'decided')).toMatchObject({
      json: { total: 1, decidedSince: 0, letters: [{ id: Number(missing), standing: 'decided' }] },
    });
  });

  it('filters narrow down; --dry-run does nothing; discard closes what fits, with a reason', async () => {
    const [one, two] = [randomUUID(), randomUUID()];
    const command = (accountId: string): TransactionCommand => newCommand({ accountId });
    const [old, a, b, c] = await record(
      letterOf(command(one)),
      letterOf(command(one)),
      letterOf(command(two), { code: 'ROW_MISSING' }),
      letterOf(command(two), { queue: 'refund_queue' }),
    );
    await scene.pool.query(
      `update processor.dead_letters set created_at = created_at - interval '3 hours' where id = $1`,
      [old],
    );
    const listed = async (...args: readonly string[]): Promise<readonly number[]> =>
      ((await deadLetters('list', ...args)).json as { letters: { id: number }[] }).letters.map(
        ({ id }) => id,
      );
    const numbers = (...ids: readonly (string | undefined)[]): readonly number[] => ids.map(Number);
    expect(await listed()).toEqual(numbers(c, b, a, old));
    expect(await listed('--reason', 'ROW_MISSING')).toEqual(numbers(b));
    expect(await listed('--queue', 'refund_queue')).toEqual(numbers(c));
    expect(await listed('--queue', 'transactions_dlq', '--limit', '2')).toEqual(numbers(c, b));
    expect(await listed('--account', one)).toEqual(numbers(a, old));
    expect(await listed('--older-than', '2h')).toEqual(numbers(old));
    expect(await listed('--newer-than', '2h', '--account', one)).toEqual(numbers(a));

    const choice = ['--all', '--account', one] as const;
    expect(await deadLetters('discard', ...choice, '--why', 'tests', '--dry-run')).toMatchObject({
      exitCode: 0,
      json: { dryRun: true, letterIds: numbers(old, a) },
    });
    expect(await listed()).toHaveLength(4);
    expect(await deadLetters('discard', ...choice, '--why', 'tests')).toMatchObject({
      exitCode: 0,
      json: [{ kind: 'discarded' }, { kind: 'discarded' }],
    });
    expect(await listed()).toEqual(numbers(c, b));
    expect(await listed('--state', 'discarded')).toEqual(numbers(a, old));
    expect(await deadLetters('discard', old ?? '', '--why', 'once more')).toMatchObject({
      exitCode: 1,
      json: [{ kind: 'refused', why: expect.stringContaining('discarded by ada') as unknown }],
    });
    const shown = await paygate(['dead-letters', 'show', old ?? ''], scene.env);
    expect(shown.stdout).toContain('discard by ada at');
    expect(shown.stdout).toContain(': tests');
  });

  it('what is meant must be clear, and must exist', async () => {
    const usage = async (...args: readonly string[]): Promise<void> =>
      expect((await deadLetters(...args)).exitCode).toBe(2);
    await usage('replay');
    await usage('replay', '1', '--all');
    await usage('replay', '1', '--reason', 'ROW_LOCKED');
    await usage('replay', '--all', '--refund-of', randomUUID());
    await usage('discard', '1');
    await usage('list', '--reason', 'INSUFFICIENT_FUNDS');
    expect((await deadLetters('show', '7')).exitCode).toBe(1);
    expect(await deadLetters('replay', '7')).toMatchObject({ exitCode: 1, json: [{ kind: 'refused' }] });
    expect(await deadLetters('replay', '--all')).toMatchObject({ exitCode: 0, json: [] });
  });
});
