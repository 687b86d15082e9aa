import type { ParkedCommands } from '../../../src/actors/account-actor.ts';
import type { Command } from '../../../src/contracts/command.ts';
import type { Envelope } from '../../../src/machines/envelope.ts';
import { FakeEnvelope } from './fake-envelope.ts';
import { Gate } from './gate.ts';

/** Parked commands of one account in memory. Handed out `batch` at a time; a row goes when its command is settled. Each `take` waits at `gate`. */
export class FakeParked implements ParkedCommands {
  readonly gate = new Gate();
  readonly rows: Command[] = [];
  /** Every envelope that was handed out. */
  readonly taken: FakeEnvelope[] = [];
  batch = 2;
  /** What `whenParked` answers. */
  parking: Promise<void> | null = null;

  whenParked(): Promise<void> | null {
    return this.parking;
  }

  async take(): Promise<readonly Envelope[]> {
    await this.gate.pass();
    const envelopes = this.rows.slice(0, this.batch).map((command) => this.#envelopeOf(command));
    this.taken.push(...envelopes);
    return envelopes;
  }

  #envelopeOf(command: Command): FakeEnvelope {
    const envelope = new FakeEnvelope(command);
    envelope.onSettle = () => this.rows.splice(this.rows.indexOf(command), 1);
    return envelope;
  }
}

/** For tests in which nothing is parked. */
export const NOTHING_PARKED: ParkedCommands = {
  whenParked: () => null,
  take: () => Promise.resolve([]),
};
