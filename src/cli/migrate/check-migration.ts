import type { Config } from '../../config.ts';
import { DEAD_LETTER_QUEUES } from '../../contracts/queues.ts';
import { checkDatabase, type MigrateCheck } from '../../infra/postgres/migrate-checks.ts';
import { readQueueForms, type QueueForms } from '../../infra/rabbitmq/queue-forms.ts';
import { describeError } from '../describe-error.ts';
import { paint } from '../output.ts';
import { progress } from '../progress.ts';
import { withPool } from '../with-pool.ts';

/** What `paygate migrate` would do and what stands in its way. */
export interface MigrationCheck {
  /** Nothing stands in its way. */
  readonly ok: boolean;
  readonly migrations: readonly string[];
  readonly checks: readonly MigrateCheck[];
}

/** Changes nothing. Rejects when PostgreSQL does not answer; a RabbitMQ that does not is a finding. */
export async function checkMigration(config: Config, quiet: boolean): Promise<MigrationCheck> {
  const bar = progress('reading the history', { quiet });
  try {
    const database = await withPool(config, (pool) =>
      checkDatabase(pool, {
        runtimeRole: config.databaseRuntimeRole,
        refundAmountSet: config.refundAmountSet,
        onProgress: ({ done, total }) => bar.update(done, total),
      }),
    );
    const checks = [...database.checks, ...(await checkBroker(config))];
    const ok = checks.every(({ state }) => state !== 'in-the-way');
    return { ok, migrations: database.migrations, checks };
  } finally {
    bar.end();
  }
}

async function checkBroker(config: Config): Promise<readonly MigrateCheck[]> {
  const queues = [...config.inboundQueues.map(({ name }) => name), ...DEAD_LETTER_QUEUES];
  try {
    const forms = await readQueueForms(config.rabbitmqUrl, queues);
    return [checkForms(forms, queues.length), checkReader(forms)];
  } catch (error) {
    const detail = describeError(error).message.replace(/^paygate: /, '');
    return [{ name: 'queues', state: 'in-the-way', detail }];
  }
}

function checkForms({ status, misfits }: QueueForms<string>, wanted: number): MigrateCheck {
  const name = 'queues';
  if (misfits.size > 0)
    return {
      name,
      state: 'in-the-way',
      detail: [...misfits].map(([queue, words]) => `${queue}: ${words}`).join('; '),
    };
  const there = [...status.values()].filter((one) => one !== null).length;
  return { name, state: 'ok', detail: `${there} of ${wanted} are there, durable and without arguments` };
}

function checkReader({ status }: QueueForms<string>): MigrateCheck {
  const name = 'reader';
  const queue = status.get('transactions_queue') ?? null;
  if (queue === null) return { name, state: 'ok', detail: 'there is no transactions_queue yet' };
  const { consumers, messages } = queue;
  if (consumers > 0)
    return {
      name,
      state: 'in-the-way',
      detail: `transactions_queue has ${consumers === 1 ? 'a consumer' : `${consumers} consumers`}: stop the old processor, and any node`,
    };
  return {
    name,
    state: 'ok',
    detail: `nobody reads transactions_queue; ${messages} messages wait in it for the nodes`,
  };
}

const MARKS = { ok: ['green', 'ok'], note: ['yellow', 'note'], 'in-the-way': ['red', 'NO'] } as const;

export function describeCheck({ ok, checks }: MigrationCheck): string {
  const lines = checks.map(({ name, state, detail }) => {
    const [colour, mark] = MARKS[state];
    return `  ${paint(colour, mark.padEnd(4))}  ${name.padEnd(13)}  ${detail.replaceAll('\n', '\n    ')}`;
  });
  const verdict = ok
    ? paint('green', 'Nothing stands in the way of "paygate migrate". Nothing was changed.')
    : paint('red', 'What is marked NO stands in the way. Nothing was changed.');
  return [...lines, verdict].join('\n');
}
