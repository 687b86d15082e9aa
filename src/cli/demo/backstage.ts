import type pg from 'pg';
import { readIntakePause } from '../../infra/postgres/intake-pause.ts';
import type { IntakePause } from '../../ports/cluster.ts';

/** What only the ledger knows, beside the nodes' own figures. */
export interface Backstage {
  /** Shards that changed their owner. A shard's first owner is no move. */
  readonly moves: number;
  /** Commands that wait for their next try. */
  readonly retries: number;
  /** Open dead letters by reason, the most frequent first. */
  readonly deadLetters: readonly { readonly code: string; readonly count: number }[];
  /** null: messages are read. */
  readonly pause: IntakePause | null;
}

export const NOTHING_BACKSTAGE: Backstage = { moves: 0, retries: 0, deadLetters: [], pause: null };

const COUNTS = `
  select (select coalesce(sum(greatest(epoch - 1, 0)), 0) from processor.shards)::int as moves,
         (select count(*) from processor.retries)::int as retries`;

const DEAD_LETTERS = `
  select code, count(*)::int as count from processor.dead_letters where state = 'open'
   group by code order by count(*) desc, code`;

export async function readBackstage(pool: pg.Pool): Promise<Backstage> {
  const [counts, deadLetters, pause] = await Promise.all([
    pool.query<Pick<Backstage, 'moves' | 'retries'>>(COUNTS),
    pool.query<Backstage['deadLetters'][number]>(DEAD_LETTERS),
    readIntakePause(pool),
  ]);
  const [{ moves, retries } = { moves: 0, retries: 0 }] = counts.rows;
  return { moves, retries, deadLetters: deadLetters.rows, pause };
}
