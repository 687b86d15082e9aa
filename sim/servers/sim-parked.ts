import { decodeMessage } from '../../src/contracts/decode.ts';
import { LIMITS } from '../../src/limits.ts';
import type {
  OwnedParked,
  Parked,
  ParkedRow,
  ParkingEnd,
  ParkStore,
  UnownedParking,
} from '../../src/ports/stores.ts';
import { TableStore } from './table-store.ts';

/** `processor.parked`. */
export class SimParked extends TableStore implements ParkStore {
  park(commands: readonly OwnedParked[]): Promise<readonly ParkingEnd[]> {
    return this.ask(() =>
      commands.map((command): ParkingEnd => {
        if (this.tables.shards.rows[command.shard]?.epoch !== command.epoch) return 'fenced';
        this.#park([command]);
        return 'parked';
      }),
    );
  }

  parkUnowned(shard: number, epochSeen: bigint, commands: readonly Parked[]): Promise<UnownedParking> {
    return this.ask((): UnownedParking => {
      const { shards, endedEpochs } = this.tables;
      const row = shards.rows[shard];
      if (row === undefined) throw new Error(`there is no shard ${shard}`);
      if (row.epoch !== epochSeen) return { kind: 'owned', epoch: row.epoch };
      this.#park(commands);
      // Nobody can decide under it: it was never given to anybody, or ended here before.
      if (row.epoch === 0n || endedEpochs.get(shard) === row.epoch)
        return { kind: 'parked', epoch: row.epoch };
      const epoch = row.epoch + 1n;
      shards.rows[shard] = { shard, epoch, owner: null };
      endedEpochs.set(shard, epoch);
      return { kind: 'parked', epoch };
    });
  }

  oldest(accountId: string, except: readonly bigint[], limit: number): Promise<readonly ParkedRow[]> {
    return this.ask(() => {
      const rows = this.tables.parked.filter((row) => row.accountId === accountId && !except.includes(row.n));
      let bytesBefore = 0;
      const fitting = rows.slice(0, limit).findIndex(({ body }) => {
        if (bytesBefore > LIMITS.parkedBatchBytesMax) return true;
        bytesBefore += body.length;
        return false;
      });
      return rows.slice(0, fitting < 0 ? limit : fitting);
    });
  }

  unpark(rows: readonly Pick<ParkedRow, 'accountId' | 'n'>[]): Promise<void> {
    return this.ask(() => {
      const { parked } = this.tables;
      for (const { n } of rows) {
        const index = parked.findIndex((row) => row.n === n);
        if (index >= 0) parked.splice(index, 1);
      }
    });
  }

  accountsToTakeUp(after: string | null, limit: number): Promise<readonly string[]> {
    return this.ask(() => {
      const ids = new Set(this.tables.parked.map(({ accountId }) => accountId));
      return [...ids]
        .filter(
          (id) => this.tables.states.get(id)?.status !== 'quarantined' && (after === null || id > after),
        )
        .sort()
        .slice(0, limit);
    });
  }

  #park(commands: readonly Parked[]): void {
    for (const { accountId, queue, body } of commands) {
      const n = this.tables.next('parked');
      this.tables.parked.push({ accountId, n, queue, body, sinceMs: this.tables.time.nowMs });
      const decoded = decodeMessage(queue, body);
      if (decoded.ok && decoded.command.kind === 'transaction')
        this.tables.everWaited.add(decoded.command.transactionId);
    }
  }
}
