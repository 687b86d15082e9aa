import type pg from 'pg';
import type { Parked, ParkStore } from '../../ports/stores.ts';

/** Commands that cannot be decided now, in `processor.parked`. Their number `n` follows the order in which they are given. */
export class PostgresParkStore implements ParkStore {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async park(commands: readonly Parked[]): Promise<void> {
    if (commands.length === 0) return;
    await this.#pool.query(PARK, [
      commands.map((command) => command.accountId),
      commands.map((command) => command.queue),
      commands.map((command) => command.body),
      commands.map((command) => command.reason),
    ]);
  }
}

const PARK = `
insert into processor.parked (account_id, queue, body, reason)
select g.account_id, g.queue, g.body, g.reason
  from unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[])
       with ordinality as g (account_id, queue, body, reason, place)
 order by g.place`;
