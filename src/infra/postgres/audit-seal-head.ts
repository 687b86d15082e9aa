import { createHash } from 'node:crypto';
import type pg from 'pg';
import { SEAL_HASHES } from './audit-seal-statements.ts';

/** Hashes read in one statement: 32 bytes each. */
const PAGE_ROWS = 20_000;

interface SealHash {
  readonly through: string;
  readonly shard: number;
  readonly hash: Buffer;
}

/**
 * The moment up to which the seals make this head, RFC 3339; null: at no moment they did, so what was sealed then was sealed anew
 * since, or is gone. Walks over all seals, a page at a time.
 */
export async function findSealHead(client: pg.ClientBase, head: string): Promise<string | null> {
  const last = new Map<number, Buffer>();
  let through: string | null = null;
  for await (const seal of sealHashes(client)) {
    if (through !== null && seal.through !== through && headOf(last) === head) return through;
    through = seal.through;
    last.set(seal.shard, seal.hash);
  }
  return headOf(last) === head ? through : null;
}

/** As `SEAL_HEAD` makes it. */
function headOf(last: ReadonlyMap<number, Buffer>): string {
  const sum = createHash('sha256');
  for (const [, hash] of [...last].sort(([a], [b]) => a - b)) sum.update(hash);
  return sum.digest('hex');
}

/** In the order in which they were written: all shards of one moment together. */
async function* sealHashes(client: pg.ClientBase): AsyncGenerator<SealHash> {
  let after: SealHash | null = null;
  for (;;) {
    const place: readonly [string | null, number] =
      after === null ? [null, -1] : [after.through, after.shard];
    const { rows }: pg.QueryResult<SealHash> = await client.query<SealHash>(SEAL_HASHES, [
      ...place,
      PAGE_ROWS,
    ]);
    yield* rows;
    after = rows.at(-1) ?? null;
    if (after === null || rows.length < PAGE_ROWS) return;
  }
}
