/** The check of the promises must see what it is there for. Without this: a scenario that is green whatever happens, or a soak that judges what no node tells. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sampleOf } from '../../soak/node-lives.ts';
import { ClusterScene } from './support/cluster-scene.ts';
import { sendBacklog } from './support/load.ts';
import { expectPromisesKept } from './support/promises.ts';
import { useServers } from './support/use-cluster.ts';

const servers = useServers();
let scene: ClusterScene;

beforeAll(async () => {
  scene = await ClusterScene.prepare(servers(), { traffic: { accounts: 5 } });
  await scene.start('node-1');
  await sendBacklog(scene, 500);
  await expectPromisesKept(scene);
});

afterAll(() => scene.stop());

/** `tamper` returns what undoes it. */
async function expectFinding(words: string, tamper: () => Promise<() => unknown>): Promise<void> {
  const undo = await tamper();
  await expect(expectPromisesKept(scene, { timeoutMs: 0 })).rejects.toThrow(words);
  await undo();
}

it('a transaction that was sent and not decided', async () => {
  const { sent } = scene.producer;
  await expectFinding('00000000-0000-4000-8000-000000000001', () => {
    sent.push({ ...sent[0]!, transactionId: '00000000-0000-4000-8000-000000000001' });
    return Promise.resolve(() => sent.pop());
  });
});

it('a decision that nobody asked for', async () => {
  const { sent } = scene.producer;
  const last = sent.at(-1)!;
  await expectFinding(`decided but never sent: ${last.transactionId}`, () => {
    sent.pop();
    return Promise.resolve(() => sent.push(last));
  });
});

it('two transactions of an account decided the other way round', async () => {
  const { sent } = scene.producer;
  const other = sent.findLastIndex(({ accountId }, index) => index > 0 && accountId === sent[0]!.accountId);
  const swap = (): void => {
    [sent[0], sent[other]] = [sent[other]!, sent[0]!];
  };
  await expectFinding('decided out of order', () => {
    swap();
    return Promise.resolve(swap);
  });
});

it('a refusal where an approval was due', async () => {
  const { sent } = scene.producer;
  const at = sent.findIndex(({ intent }) => intent === 'insufficient-funds');
  const true_ = sent[at]!;
  await expectFinding(
    `${true_.transactionId} of account ${true_.accountId}, sent as charge: REJECTED`,
    () => {
      sent[at] = { ...true_, intent: 'charge' };
      return Promise.resolve(() => (sent[at] = true_));
    },
  );
});

it('a wrong balance in the cache', async () => {
  const key = `balance:${scene.traffic.accounts[0]!.id}`;
  await expectFinding('cache-differs', async () => {
    const balance = await scene.redis.getset(key, '1');
    return () => scene.redis.set(key, balance ?? '0');
  });
});

it('a dead letter', async () => {
  await expectFinding('1 open dead letters: SOMETHING because', async () => {
    await scene.pool.query(
      `insert into processor.dead_letters (queue, dead_letter_queue, code, detail, body, body_bytes, body_sha256, attempts, first_seen_at)
       values ('transactions_queue', 'system_dlq', 'SOMETHING', 'because', '', 0, '', 1, now())`,
    );
    return () => scene.pool.query('delete from processor.dead_letters');
  });
});

it('an undecidable message that left no dead letter', async () => {
  const { poison } = scene.producer;
  await expectFinding('1 undecidable messages without a dead letter: amount=1', () => {
    poison.add('amount=1');
    return Promise.resolve(() => poison.delete('amount=1'));
  });
});

it('a refusal for want of money where there was enough', async () => {
  const first = scene.producer.sent[0]!;
  await expectFinding(`${first.transactionId} of account ${first.accountId} asked for`, async () => {
    const tampered = async (to: string): Promise<void> => {
      await scene.pool.query('alter table processor.journal disable trigger all');
      await scene.pool.query(
        `update processor.journal set outcome = $2, reason = $3, amount_cents = case when $3::text is null then requested_cents else 0 end
          where transaction_id = $1`,
        [
          first.transactionId,
          to === 'REJECTED' ? to : 'APPROVED',
          to === 'REJECTED' ? 'INSUFFICIENT_FUNDS' : null,
        ],
      );
      await scene.pool.query('alter table processor.journal enable trigger all');
    };
    await tampered('REJECTED');
    return () => tampered('APPROVED');
  });
});

it('a row that stays PENDING, and work that was left in a queue', async () => {
  await expectFinding('not quiet', async () => {
    await scene.pool.query(
      `insert into public.transactions (account_id, amount_cents, status, type, idempotency_key)
       values ($1, 1, 'PENDING', 'DEPOSIT', 'left')`,
      [scene.traffic.accounts[0]!.id],
    );
    return () => scene.pool.query(`delete from public.transactions where idempotency_key = 'left'`);
  });
});

it.runIf(process.platform === 'linux')('a node tells all that a soak judges it by', async () => {
  const sample = sampleOf(await scene.node('node-1').metrics(), 1);
  for (const [figure, value] of Object.entries(sample)) expect(value, figure).toBeGreaterThan(0);
});
