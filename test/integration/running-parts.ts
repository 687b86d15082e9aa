import { randomUUID } from 'node:crypto';
import type { Config } from '../../src/config.ts';
import type { OperatorAction } from '../../src/contracts/command.ts';
import type { OperatorResult, Settlement } from '../../src/domain/settlement.ts';
import { shardOf } from '../../src/domain/shard.ts';
import { PrometheusMetrics } from '../../src/infra/metrics.ts';
import { SystemClock, systemRandom } from '../../src/infra/system-clock.ts';
import { LIMITS } from '../../src/limits.ts';
import { newIdentity } from '../../src/node/identity.ts';
import { NodeRuntime } from '../../src/node/node-runtime.ts';
import { CommandEnvelope } from '../../src/supervisor/command-envelope.ts';
import { QuietLogger } from '../support/fakes/quiet.ts';

/** The parts of a node on real servers, without its life cycle: operators' orders are handed in by the test. */
export class RunningParts {
  readonly #runtime: NodeRuntime;
  #phase: 'running' | 'stopped' = 'running';

  private constructor(runtime: NodeRuntime) {
    this.#runtime = runtime;
  }

  static async start(config: Config): Promise<RunningParts> {
    const none = (): number => 0;
    const runtime = new NodeRuntime({
      config,
      identity: newIdentity(config.nodeId),
      clock: new SystemClock(),
      random: systemRandom,
      logger: new QuietLogger(),
      metrics: new PrometheusMetrics({ activeAccounts: none, inFlight: none, cachePending: none }),
      onHealth: () => undefined,
      onFenced: () => undefined,
    });
    await runtime.openLedger();
    await runtime.openIntake();
    return new RunningParts(runtime);
  }

  async order(accountId: string, action: OperatorAction): Promise<OperatorResult> {
    const settlement = await new Promise<Settlement>((resolve) => this.#route(accountId, action, resolve));
    if (settlement.kind !== 'operated') throw new Error(`an order ended as ${settlement.kind}`);
    return settlement.result;
  }

  async stop(): Promise<void> {
    if (this.#phase === 'stopped') return;
    this.#phase = 'stopped';
    await this.#runtime.finish();
    await this.#runtime.flush();
    await this.#runtime.close();
  }

  #route(accountId: string, action: OperatorAction, onSettled: (settlement: Settlement) => void): void {
    const receivedAtMs = Date.now();
    const envelope = new CommandEnvelope(
      {
        command: {
          kind: 'operator',
          orderId: randomUUID(),
          accountId,
          action,
          operator: 'ada',
          why: 'a test',
        },
        origin: { queue: 'retry_queue', body: Buffer.alloc(0), redelivered: false, ack: () => undefined },
        road: 'operator',
        shard: shardOf(accountId, LIMITS.shardCount),
        n: Number.MAX_SAFE_INTEGER,
        attempt: 0,
        deferredFor: null,
        mayDecideError: false,
        receivedAtMs,
        firstSeenAtMs: receivedAtMs,
      },
      {
        settled: (_, settlement) => onSettled(settlement),
        givenBack: () => onSettled({ kind: 'failed', code: 'ACTOR_CRASHED', detail: 'given back' }),
      },
    );
    this.#runtime.supervision?.router.route(envelope);
  }
}
