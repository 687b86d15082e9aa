import type pg from 'pg';

/** What waits in the ledger, of the whole cluster. Counts stop at `COUNT_MAX`. */
export interface LedgerFigures {
  readonly retries: number;
  /** How late the retry that is due longest is; 0: none is due. */
  readonly retryLateSeconds: number;
  readonly outboxRows: number;
  readonly outboxAgeSeconds: number;
  readonly deadLettersOpen: number;
  readonly parked: number;
  readonly parkedAgeSeconds: number;
  /** Deliveries that are not posted yet. */
  readonly webhooksWaiting: number;
  /** How late the delivery to an active endpoint is that is due longest; 0: none is due. */
  readonly webhookLateSeconds: number;
  /** Endpoints that no operator has disabled. */
  readonly webhooksDisabled: number;
  /** null: there was none yet. */
  readonly lastAudit: LastAudit | null;
}

export interface LastAudit {
  readonly result: 'passed' | 'failed';
  readonly ageSeconds: number;
}

/** Beyond this a count says "many": it must stay cheap when things go wrong. */
const COUNT_MAX = 100_000;

export const AUDIT_PASSED = 'audit:passed';
export const AUDIT_FAILED = 'audit:failed';

/** One statement, a few milliseconds. Rejects with the driver's error. */
export async function readLedgerFigures(pool: pg.Pool): Promise<LedgerFigures> {
  const { rows } = await pool.query<FiguresRow>(READ);
  const [row] = rows;
  if (row === undefined) throw new Error('the figures of the ledger gave no row');
  const { audit, auditAgeSeconds, ...figures } = row;
  const lastAudit: LastAudit | null =
    audit === null || auditAgeSeconds === null
      ? null
      : { result: audit === AUDIT_FAILED ? 'failed' : 'passed', ageSeconds: auditAgeSeconds };
  return { ...figures, lastAudit };
}

/** Notes how an audit of the whole ledger ended, for `lastAudit`. Rejects with the driver's error. */
export async function noteAudit(
  pool: pg.Pool,
  { operator, ok, why }: { readonly operator: string; readonly ok: boolean; readonly why: string },
): Promise<void> {
  const subject = ok ? AUDIT_PASSED : AUDIT_FAILED;
  await pool.query(
    `insert into processor.operator_log (operator, action, subject, why) values ($1, 'verify', $2, $3)`,
    [operator, subject, why],
  );
}

type FiguresRow = Omit<LedgerFigures, 'lastAudit'> & {
  readonly audit: string | null;
  readonly auditAgeSeconds: number | null;
};

const age = (time: string): string =>
  `greatest(0, coalesce(extract(epoch from clock_timestamp() - ${time}), 0))::float8`;
const bounded = (table: string, condition = ''): string =>
  `(select count(*)::int from (select from processor.${table} ${condition} limit ${COUNT_MAX}) found)`;

/** By the index on the subject. */
const lastNote = (subject: string): string =>
  `(select id, subject, at from processor.operator_log where subject = '${subject}' order by id desc limit 1)`;

const LATEST_WEBHOOK = `(select min(d.due_at) from processor.webhook_endpoints e cross join lateral (
         select due_at from processor.webhook_deliveries
          where endpoint_id = e.id and state = 'pending' order by due_at limit 1) d where e.state = 'active')`;

/** The oldest outbox row is the one with the lowest id. The parked ones have no index by time, so the oldest is looked for among the first. */
const READ = {
  name: 'read_ledger_figures',
  text: `
select ${bounded('retries')} as "retries",
       ${age('(select min(due_at) from processor.retries)')} as "retryLateSeconds",
       ${bounded('outbox')} as "outboxRows",
       ${age('(select created_at from processor.outbox order by id limit 1)')} as "outboxAgeSeconds",
       ${bounded('dead_letters', "where state = 'open'")} as "deadLettersOpen",
       ${bounded('parked')} as "parked",
       ${age('(select min(since) from (select since from processor.parked limit 10000) first_rows)')} as "parkedAgeSeconds",
       last.subject as audit,
       extract(epoch from clock_timestamp() - last.at)::float8 as "auditAgeSeconds",
       (select count(*)::int from processor.webhook_endpoints where disabled_because in ('failures', 'gone'))
         as "webhooksDisabled",
       ${bounded('webhook_deliveries', "where state = 'pending'")} as "webhooksWaiting",
       ${age(LATEST_WEBHOOK)} as "webhookLateSeconds"
  from (values (1)) as one (n)
  left join lateral (
    select * from (
      ${lastNote(AUDIT_PASSED)} union all ${lastNote(AUDIT_FAILED)}
    ) notes order by id desc limit 1
  ) last on true`,
};
