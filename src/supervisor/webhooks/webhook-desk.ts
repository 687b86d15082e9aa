import { PAUSE_AFTER_FAILURES } from '../../domain/webhooks/endpoint-health.ts';
import type { WebhookOutcome } from '../../domain/webhooks/outcome.ts';
import { signatureHeaders } from '../../domain/webhooks/signature.ts';
import { LIMITS } from '../../limits.ts';
import type { Clock, Logger, Metrics, Random } from '../../ports/runtime.ts';
import type {
  FailureRuling,
  WebhookClaim,
  WebhookClock,
  WebhookEndpoint,
  WebhookSender,
  WebhookSlots,
  WebhookStore,
} from '../../ports/webhooks.ts';
import { ruleOnFailure } from './rule-on-failure.ts';
import type { WebhookPolicy } from './rule-on-failure.ts';
import type { WebhookWatch } from './webhook-watch.ts';

export interface WebhookDeskOptions {
  readonly store: WebhookStore;
  readonly sender: WebhookSender;
  readonly retryClock: WebhookClock;
  readonly watch: Pick<WebhookWatch, 'endpoints'>;
  /** Newest first; null: this node does not have the key that they are derived from. */
  readonly secretsOf: (endpoint: WebhookEndpoint) => readonly Buffer[] | null;
  readonly policy: WebhookPolicy;
  /** The longest that a try takes. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Pick<Metrics, 'webhook'>;
  readonly logger: Logger;
}

interface Trying {
  readonly endpointId: number;
  readonly ended: Promise<void>;
  readonly abort: () => void;
}

/**
 * Posts what is due, and has written down what came of it.
 *
 * Owns the deliveries that this node has claimed, until their outcome is written or their claim runs out.
 * D1. The ledger says what is due and who has it; the retry clock, a new delivery and a poll only say "look". So whatever is
 *     forgotten costs time, and nodes need no order among themselves.
 * D2. An endpoint that hangs holds no more than its own places.
 * D3. Nothing waits for this, and an outcome that could not be written means one more try after the claim has run out.
 */
export class WebhookDesk {
  readonly #options: WebhookDeskOptions;
  readonly #trying = new Map<string, Trying>();
  /** Endpoints whose places were all filled: there may be more behind. */
  readonly #crowded = new Set<number>();
  readonly #unsigned = new Set<number>();
  #phase: 'stopped' | 'resting' | 'looking' | 'looking again' = 'stopped';
  #cancelPoll: () => void = () => undefined;

  constructor(options: WebhookDeskOptions) {
    this.#options = options;
  }

  get tryingCount(): number {
    return this.#trying.size;
  }

  start(): void {
    this.#phase = 'resting';
    this.#options.retryClock
      .start(() => {
        this.wake();
        return Promise.resolve();
      })
      .catch((error: unknown) =>
        this.#options.logger.warn({ err: error }, 'the clock of the webhooks did not start'),
      );
    this.wake();
  }

  /** Takes up nothing more, and gives back what is not answered within `closeTimeoutMs`. Never rejects. */
  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#cancelPoll();
    const { clock, retryClock } = this.#options;
    const cancel = clock.after(LIMITS.closeTimeoutMs, () => {
      for (const { abort } of this.#trying.values()) abort();
    });
    await Promise.all([...this.#trying.values()].map(({ ended }) => ended));
    cancel();
    await retryClock.stop();
  }

  /** Something may be due. */
  wake(): void {
    if (this.#phase === 'looking') this.#phase = 'looking again';
    if (this.#phase !== 'resting') return;
    this.#phase = 'looking';
    this.#cancelPoll();
    this.#options.clock.soon(() => void this.#look());
  }

  async #look(): Promise<void> {
    const { store, clock, logger, timeoutMs } = this.#options;
    try {
      const wanted = this.#places();
      if (this.#isRunning()) {
        const claims = await store.claim(wanted, timeoutMs + LIMITS.webhookClaimMarginMs);
        this.#takeUp(claims, wanted);
      }
    } catch (error) {
      logger.warn({ err: error }, 'due webhooks could not be read, later again');
    }
    if (!this.#isRunning()) return;
    const isToLookAgain = this.#phase === 'looking again';
    this.#phase = 'resting';
    if (isToLookAgain) this.wake();
    else this.#cancelPoll = clock.after(LIMITS.webhookPollMs, () => this.wake());
  }

  /** How many deliveries can be taken up of each endpoint that we can sign for. */
  #places(): readonly WebhookSlots[] {
    const wanted: WebhookSlots[] = [];
    let free = LIMITS.webhooksInFlightMax - this.#trying.size;
    for (const endpoint of this.#options.watch.endpoints) {
      if (endpoint.state !== 'active' || endpoint.paused || !this.#canSign(endpoint)) continue;
      const slots = Math.min(free, this.#placesOf(endpoint));
      if (slots <= 0) continue;
      wanted.push({ endpointId: endpoint.id, slots });
      free -= slots;
    }
    return wanted;
  }

  #placesOf({ id, failuresInRow }: WebhookEndpoint): number {
    const placesMax = failuresInRow >= PAUSE_AFTER_FAILURES ? 1 : LIMITS.webhooksPerEndpointMax;
    const taken = [...this.#trying.values()].filter(({ endpointId }) => endpointId === id).length;
    return placesMax - taken;
  }

  #canSign(endpoint: WebhookEndpoint): boolean {
    if (this.#options.secretsOf(endpoint) !== null) return true;
    if (!this.#unsigned.has(endpoint.id)) {
      this.#unsigned.add(endpoint.id);
      const fields = { webhook: endpoint.id, key_id: endpoint.keyId };
      this.#options.logger.error(
        fields,
        'WEBHOOK_KEY is missing or another one: nothing is posted to a webhook',
      );
    }
    return false;
  }

  #takeUp(claims: readonly WebhookClaim[], wanted: readonly WebhookSlots[]): void {
    for (const { endpointId, slots } of wanted) {
      const count = claims.filter((claim) => claim.endpointId === endpointId).length;
      if (count === slots) this.#crowded.add(endpointId);
      else this.#crowded.delete(endpointId);
    }
    for (const claim of claims) {
      const aborting = new AbortController();
      const ended = this.#deliver(claim, aborting.signal).finally(() => this.#leave(claim));
      this.#trying.set(claim.id, { endpointId: claim.endpointId, ended, abort: () => aborting.abort() });
      if (!this.#isRunning()) aborting.abort();
    }
  }

  #leave({ id, endpointId }: WebhookClaim): void {
    this.#trying.delete(id);
    if (this.#crowded.has(endpointId)) this.wake();
  }

  /** Never rejects. */
  async #deliver(claim: WebhookClaim, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const fields = { webhook: claim.endpointId, delivery: claim.id, attempt: claim.attempt };
    try {
      const outcome = await this.#post(claim, signal);
      await this.#conclude(claim, outcome);
    } catch (error) {
      logger.warn(
        { ...fields, err: error },
        'what came of a webhook could not be written: it is posted again',
      );
    }
  }

  #post(claim: WebhookClaim, signal: AbortSignal): Promise<WebhookOutcome> {
    const { watch, secretsOf, sender, clock } = this.#options;
    const endpoint = watch.endpoints.find(({ id }) => id === claim.endpointId);
    const secrets = endpoint === undefined ? null : secretsOf(endpoint);
    if (endpoint === undefined || secrets === null) return Promise.resolve({ kind: 'aborted' });
    const { eventId: id, body } = claim;
    const timestampSeconds = Math.floor(clock.now() / 1_000);
    const headers = signatureHeaders({ id, timestampSeconds, body }, secrets);
    return sender.send({ url: endpoint.url, headers, body, signal });
  }

  async #conclude(claim: WebhookClaim, outcome: WebhookOutcome): Promise<void> {
    const { store, metrics, policy, random } = this.#options;
    switch (outcome.kind) {
      case 'delivered':
        metrics.webhook('delivered');
        return store.delivered(claim, outcome.status);
      case 'aborted':
        return store.release(claim);
      case 'failed': {
        const ruling = await store.failed({
          claim,
          failure: outcome,
          judge: (health, nowMs) => ruleOnFailure({ claim, failure: outcome, health, nowMs }, policy, random),
        });
        if (ruling !== null) await this.#afterFailure(claim, outcome.detail, ruling);
      }
    }
  }

  async #afterFailure(claim: WebhookClaim, detail: string, ruling: FailureRuling): Promise<void> {
    const { metrics, logger, retryClock } = this.#options;
    const { verdict, retryMs, pauseMs, health } = ruling;
    metrics.webhook(retryMs === null ? 'given_up' : 'failed');
    const fields = { webhook: claim.endpointId, delivery: claim.id, attempt: claim.attempt, detail };
    if (retryMs === null)
      logger.warn(fields, 'a webhook was given up; paygate webhooks replay posts it again');
    if (verdict.kind === 'disabled')
      logger.error(
        { ...fields, ...verdict, failures: health.failuresInRow },
        'a webhook endpoint was disabled',
      );
    else if (retryMs !== null) await retryClock.arm(claim.id, claim.attempt, Math.max(retryMs, pauseMs ?? 0));
  }

  #isRunning(): boolean {
    return this.#phase !== 'stopped';
  }
}
