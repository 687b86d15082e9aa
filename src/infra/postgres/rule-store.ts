import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { RuleSetDocument } from '../../contracts/rule-set.ts';
import type { RuleStore, StoredRuleSet } from '../../ports/stores.ts';
import { isoTime } from './journal-entry.ts';

/** `processor.rules` for a node. */
export class PostgresRuleStore implements RuleStore {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async newerThan(version: number): Promise<StoredRuleSet | null> {
    const { rows } = await this.#pool.query<StoredRuleSet>({ ...NEWER, values: [version] });
    return rows[0] ?? null;
  }
}

/** A rule set with its history, for a person. */
export interface RuleSetRecord extends StoredRuleSet {
  /** SHA-256 of the document; null where it is null. */
  readonly hash: string | null;
  /** RFC 3339, UTC. */
  readonly appliedAt: string;
  readonly appliedBy: string;
  readonly why: string;
}

/** null for the version: the newest. null: there is none. Rejects with the driver's error. */
export async function readRuleSet(pool: pg.Pool, version: number | null): Promise<RuleSetRecord | null> {
  const { rows } = await pool.query<RuleSetRecord>(READ, [version]);
  return rows[0] ?? null;
}

export interface RulesOrder {
  /** null: no rules from now on. */
  readonly document: RuleSetDocument | null;
  readonly operator: string;
  readonly why: string;
}

/** `kept`: that is in force already. Version 0: there never were any rules. Rejects with the driver's error. */
export async function applyRules(
  pool: pg.Pool,
  { document, operator, why }: RulesOrder,
): Promise<{ readonly kind: 'applied' | 'kept'; readonly version: number; readonly hash: string | null }> {
  const text = document === null ? null : canonicalText(document);
  const hash = text === null ? null : createHash('sha256').update(text).digest('hex');
  const { rows } = await pool.query<{ changed: boolean; version: number }>(APPLY, [
    hash,
    text,
    operator,
    why,
  ]);
  const [answer] = rows;
  if (answer === undefined) throw new Error('processor.apply_rules gave no answer');
  return { kind: answer.changed ? 'applied' : 'kept', version: answer.version, hash };
}

/** The same for documents that mean the same: without spaces, fields in the order of their names. Rules keep their order. */
export function canonicalText(document: RuleSetDocument): string {
  return JSON.stringify(document, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Named: every node asks every second. */
const NEWER = {
  name: 'read_newer_rules',
  text: 'select version, document from processor.rules where version > $1 order by version desc limit 1',
};

const READ = `
select version, document, hash, ${isoTime('applied_at')} as "appliedAt", applied_by as "appliedBy", why
  from processor.rules where version = coalesce($1::int, version) order by version desc limit 1`;

const APPLY = 'select changed, version from processor.apply_rules($1::text, $2::jsonb, $3::text, $4::text)';
