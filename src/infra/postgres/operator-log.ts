import type pg from 'pg';

/** What an operator did, for ever. */
export interface OperatorAction {
  readonly operator: string;
  readonly action: string;
  readonly subject: string;
  readonly why: string | null;
  readonly detail: object;
}

/** For what no function of the ledger writes down itself. Rejects with the driver's error. */
export async function logOperatorAction(pool: pg.Pool, action: OperatorAction): Promise<void> {
  const { operator, subject, why, detail } = action;
  await pool.query(
    'insert into processor.operator_log (operator, action, subject, why, detail) values ($1, $2, $3, $4, $5)',
    [operator, action.action, subject, why, JSON.stringify(detail)],
  );
}
