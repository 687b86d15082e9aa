import pg from 'pg';

/**
 * What nodes and commands may do: the rights of the run-time role. The role that migrates owns the tables and never runs a node.
 *
 * R1. The journal, the seals, the rules and the operators' log can be appended to, and never changed.
 * R2. A dead letter can be closed; what was received stays as it was received.
 * R3. Of the Go API's tables only `transactions` is written, and of its rows only what a decision changes. Nothing is deleted there.
 */

/** Rights per table; a right on some columns is written as SQL has it. */
export const RUNTIME_RIGHTS: Readonly<Record<string, readonly string[]>> = {
  'public.accounts': ['select'],
  'public.cards': ['select'],
  'public.transactions': ['select', 'insert', 'update (status, amount_cents, refund_transaction_id)'],
  'processor.accounts': ['select', 'insert', 'update'],
  'processor.card_totals': ['select', 'insert', 'update'],
  'processor.cluster': ['select', 'update (refund_amount, opened_at, paused_at, paused_by, paused_why)'],
  'processor.dead_letters': ['select', 'insert', 'update (state, closed_at, closed_by)'],
  'processor.drives': ['select', 'insert', 'update', 'delete'],
  'processor.epoch_log': ['select', 'insert'],
  'processor.journal': ['select', 'insert'],
  'processor.letters': ['select'],
  'processor.migrations': ['select'],
  'processor.opening_refunds': ['select'],
  'processor.operator_log': ['select', 'insert'],
  'processor.outbox': ['select', 'insert', 'update', 'delete'],
  'processor.parked': ['select', 'insert', 'delete'],
  'processor.retries': ['select', 'insert', 'update', 'delete'],
  'processor.rules': ['select'],
  'processor.seals': ['select', 'insert'],
  'processor.shards': ['select', 'update'],
  'processor.sweep_mark': ['select', 'insert', 'update'],
  'processor.webhook_deliveries': ['select', 'insert', 'update', 'delete'],
  'processor.webhook_endpoints': ['select', 'insert', 'update'],
};

/** Functions that not everybody may call. */
const FUNCTIONS = ['processor.apply_rules(text, jsonb, text, text)'] as const;
/** Numbers of dead letters are drawn before their rows are written. */
const SEQUENCES = ['processor.dead_letters_id_seq'] as const;

/** A reason for not granting; the message says what to do. */
export class GrantRefusal extends Error {
  override readonly name = 'GrantRefusal';
}

/**
 * Statements that give a role these rights and no others in schema `processor`. Names are quoted.
 *
 * @param role as PostgreSQL knows it.
 */
export function grantStatements(role: string): readonly string[] {
  const to = pg.escapeIdentifier(role);
  return [
    `revoke all on all tables in schema processor from ${to}`,
    `revoke all on all sequences in schema processor from ${to}`,
    `grant usage on schema public, processor to ${to}`,
    ...Object.entries(RUNTIME_RIGHTS).map(
      ([table, rights]) => `grant ${rights.join(', ')} on table ${table} to ${to}`,
    ),
    ...SEQUENCES.map((sequence) => `grant usage on sequence ${sequence} to ${to}`),
    ...FUNCTIONS.map((name) => `grant execute on function ${name} to ${to}`),
  ];
}

/**
 * Gives the run-time role its rights, all or none. May be done again: rights that it should not have are taken away.
 *
 * Throws `GrantRefusal` where the role is missing, is ours, or is one that no grant can bind; else the driver's error.
 */
export async function grantRuntimeRole(client: pg.Client, role: string): Promise<void> {
  await refuseUnbound(client, role);
  await client.query('begin');
  try {
    for (const statement of grantStatements(role)) await client.query(statement);
    await client.query('commit');
  } catch (error) {
    // The error of the statement says more than one of the rollback would.
    await client.query('rollback').catch(() => undefined);
    if (isNotOurs(error))
      throw new GrantRefusal(
        `${error.message}: the role that migrates must own the tables, or have its rights on them with grant option (docs/SECURITY.md)`,
        { cause: error },
      );
    throw error;
  }
}

const ABOUT_ROLE = `
select r.rolsuper as "isSuperuser", r.rolname = current_user as "isOurs",
       pg_has_role(r.oid, (select n.nspowner from pg_namespace n where n.nspname = 'processor'), 'member') as "isOwner"
  from pg_roles r where r.rolname = $1`;

/** Throws `GrantRefusal` where the role is missing, or one that no grant binds. Changes nothing. */
export async function refuseUnbound(client: pg.ClientBase | pg.Pool, role: string): Promise<void> {
  const { rows } = await client.query<{
    readonly isSuperuser: boolean;
    readonly isOurs: boolean;
    readonly isOwner: boolean;
  }>(ABOUT_ROLE, [role]);
  const [found] = rows;
  if (found === undefined)
    throw new GrantRefusal(
      `DATABASE_RUNTIME_ROLE: there is no role ${role}: create it first, such as: create role ${pg.escapeIdentifier(role)} login password '…'`,
    );
  if (found.isSuperuser || found.isOurs || found.isOwner)
    throw new GrantRefusal(
      `DATABASE_RUNTIME_ROLE: ${role} owns the tables or may do everything, so no grant binds it: name another role than the one that migrates`,
    );
}

function isNotOurs(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === '42501';
}
