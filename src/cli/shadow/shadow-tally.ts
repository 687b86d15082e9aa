import type { Comparison, KnownDifference, NotCompared, Told } from '../../domain/shadow/names.ts';
import type { TableRow } from '../../domain/shadow/table-row.ts';

/** A difference of one transaction, as it is printed. Cents. */
export interface Difference {
  readonly kind: 'known' | 'unknown';
  /** null: unknown. */
  readonly name: KnownDifference | null;
  readonly transactionId: string;
  readonly accountId: string | null;
  readonly type: string;
  readonly theirs: Told;
  readonly ours: Told;
}

export interface ShadowSummary {
  readonly kind: 'summary';
  /** Something was compared, and no unknown difference found. */
  readonly ok: boolean;
  /** Transactions that left `PENDING`, or changed after that. */
  readonly seen: number;
  /** Those that agree or differ. */
  readonly compared: number;
  readonly agree: number;
  readonly known: Readonly<Partial<Record<KnownDifference, number>>>;
  readonly unknown: number;
  readonly notCompared: Readonly<Partial<Record<NotCompared, number>>>;
  /** The first transactions of each known difference, and of the unknown ones. */
  readonly examples: Readonly<Record<string, readonly string[]>>;
}

const EXAMPLES_MAX = 5;

/** Counts what came of all rows; memory does not grow with them. */
export class ShadowTally {
  #seen = 0;
  #agree = 0;
  #unknown = 0;
  readonly #known = new Map<KnownDifference, number>();
  readonly #notCompared = new Map<NotCompared, number>();
  readonly #examples = new Map<string, string[]>();

  get seen(): number {
    return this.#seen;
  }

  /** Gives the difference, if it is one. */
  add(row: TableRow, comparison: Comparison): Difference | null {
    this.#seen += 1;
    switch (comparison.kind) {
      case 'agrees':
        this.#agree += 1;
        return null;
      case 'not-compared':
        plusOne(this.#notCompared, comparison.why);
        return null;
      case 'known':
        plusOne(this.#known, comparison.name);
        this.#keep(comparison.name, row.id);
        return differenceOf(row, comparison);
      case 'unknown':
        this.#unknown += 1;
        this.#keep('unknown', row.id);
        return differenceOf(row, comparison);
    }
  }

  summary(): ShadowSummary {
    const compared = this.#agree + this.#unknown + sumOf(this.#known);
    return {
      kind: 'summary',
      ok: compared > 0 && this.#unknown === 0,
      seen: this.#seen,
      compared,
      agree: this.#agree,
      known: Object.fromEntries(this.#known),
      unknown: this.#unknown,
      notCompared: Object.fromEntries(this.#notCompared),
      examples: Object.fromEntries(this.#examples),
    };
  }

  #keep(name: string, id: string): void {
    const kept = this.#examples.get(name) ?? [];
    if (kept.length < EXAMPLES_MAX) this.#examples.set(name, [...kept, id]);
  }
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, many) => sum + many, 0);
}

function plusOne<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function differenceOf(row: TableRow, found: Extract<Comparison, { theirs: Told }>): Difference {
  const { theirs, ours, kind } = found;
  const name = found.kind === 'known' ? found.name : null;
  return { kind, name, transactionId: row.id, accountId: row.accountId, type: row.type, theirs, ours };
}
