import type pg from 'pg';
import type { IntakePause } from '../../ports/cluster.ts';
import { isoTime } from './journal-entry.ts';

/** Who asks for it, and why: both go into `processor.operator_log`. */
export interface PauseRequest {
  readonly operator: string;
  /** 1 to 500 characters. */
  readonly why: string;
}

/** null: messages are read. Rejects with the driver's error. */
export async function readIntakePause(pool: pg.Pool): Promise<IntakePause | null> {
  const { rows } = await pool.query<IntakePause>(READ);
  return rows[0] ?? null;
}

/**
 * Nodes stop reading their queues within about a second; what they have taken they finish. `kept`: somebody else had paused
 * before, and that pause stands.
 */
export async function pauseIntake(
  pool: pg.Pool,
  { operator, why }: PauseRequest,
): Promise<{ readonly kind: 'paused' | 'kept'; readonly pause: IntakePause }> {
  const { rows } = await pool.query<IntakePause & { readonly changed: boolean }>(PAUSE, [operator, why]);
  const [row] = rows;
  if (row === undefined) throw new Error('processor.cluster has no row');
  const { changed, ...pause } = row;
  return { kind: changed ? 'paused' : 'kept', pause };
}

/** The pause that was ended; null: there was none. */
export async function resumeIntake(
  pool: pg.Pool,
  { operator, why }: { readonly operator: string; readonly why: string | null },
): Promise<IntakePause | null> {
  const { rows } = await pool.query<IntakePause>(RESUME, [operator, why]);
  return rows[0] ?? null;
}

/** Named: every node asks about every second. */
const READ = {
  name: 'read_intake_pause',
  text: `
select ${isoTime('paused_at')} as since, paused_by as operator, paused_why as why
  from processor.cluster where paused_at is not null`,
};

const PAUSE = `
select changed, ${isoTime('since')} as since, operator, why from processor.pause_intake($1::text, $2::text)`;

const RESUME = `
select ${isoTime('since')} as since, operator, why from processor.resume_intake($1::text, $2::text)`;
