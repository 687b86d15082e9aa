import type { Clock, Metrics } from '../../ports/runtime.ts';
import type { CommandEnvelope } from '../command-envelope.ts';
import type { InFlight } from '../in-flight.ts';

export interface EndElsewhereOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly inFlight: InFlight;
}

/**
 * The end of a command that another node has settled: acknowledged here, and nothing else. Everything that a settlement
 * leaves behind (the journal, a retry's row, a dead letter) is the owner's doing. In particular a retry's row is not struck
 * off: the owner may have deferred the command once more, under the same id.
 */
export function endElsewhere({ clock, metrics, inFlight }: EndElsewhereOptions) {
  return ({ origin, receivedAtMs }: CommandEnvelope): void => {
    origin.ack();
    metrics.forwardEnded();
    metrics.settled((clock.now() - receivedAtMs) / 1000);
    inFlight.leave();
  };
}
