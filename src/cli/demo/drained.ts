import type pg from 'pg';
import { INBOUND_QUEUES } from '../../contracts/queues.ts';
import { queueStatus } from '../../infra/rabbitmq/queue-status.ts';

const POLL_MS = 100;

const LEFT = `
  select (select count(*) from processor.retries)::int as retries,
         (select count(*) from processor.outbox)::int as outbox,
         (select count(*) from public.transactions where status = 'PENDING')::int as pending`;

interface Left {
  readonly retries: number;
  readonly outbox: number;
  readonly pending: number;
}

export interface StillToDo extends Left {
  readonly queued: number;
}

async function stillToDo(pool: pg.Pool, rabbitmqUrl: string): Promise<StillToDo> {
  const { rows } = await pool.query<Left>(LEFT);
  const status = await queueStatus(rabbitmqUrl, INBOUND_QUEUES);
  const queued = [...status.values()].reduce((sum, queue) => sum + (queue?.messages ?? 0), 0);
  return { ...(rows[0] ?? { retries: 0, outbox: 0, pending: 0 }), queued };
}

const isNothing = ({ retries, outbox, pending, queued }: StillToDo): boolean =>
  retries + outbox + pending + queued === 0;

/**
 * Waits until every message is decided: queues empty, nothing pending, no retry waiting, caches written. Resolves with
 * what is left when the time is up, null when nothing is.
 */
export async function untilDrained(
  pool: pg.Pool,
  rabbitmqUrl: string,
  timeoutMs: number,
): Promise<StillToDo | null> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const left = await stillToDo(pool, rabbitmqUrl);
    if (isNothing(left)) return null;
    if (Date.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
