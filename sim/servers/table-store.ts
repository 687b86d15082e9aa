import type { SimLink } from './sim-link.ts';
import type { SimTables } from './sim-tables.ts';

/** What one process has of the simulated PostgreSQL: the tables, and its way to them. */
export abstract class TableStore {
  protected readonly tables: SimTables;
  readonly #link: SimLink;

  constructor(tables: SimTables, link: SimLink) {
    this.tables = tables;
    this.#link = link;
  }

  /** Done at one moment or never, as one commit. */
  protected ask<T>(act: () => T): Promise<T> {
    return this.#link.ask(act);
  }
}
