import type { EndpointHealth, EndpointVerdict } from '../domain/webhooks/endpoint-health.ts';
import type { SignatureHeaders } from '../domain/webhooks/signature.ts';
import type { FailedOutcome, WebhookOutcome } from '../domain/webhooks/outcome.ts';
import type { WrittenEvent } from '../contracts/events.ts';

/** Where events are posted to, as a node knows it. */
export interface WebhookEndpoint {
  readonly id: number;
  readonly url: string;
  /** null: every type. */
  readonly types: readonly string[] | null;
  readonly state: 'active' | 'disabled';
  /** Names the key that its secrets are derived from. */
  readonly keyId: string;
  /** Of the secrets that sign now, newest first. */
  readonly salts: readonly Buffer[];
  readonly failuresInRow: number;
  /** It fails, and is left alone. */
  readonly paused: boolean;
}

/** A delivery in our hands, until its claim runs out. */
export interface WebhookClaim {
  readonly id: string;
  readonly endpointId: number;
  readonly eventId: string;
  readonly type: string;
  readonly body: string;
  /** This try; 1 = the first. */
  readonly attempt: number;
}

/** How many due deliveries of an endpoint can be taken up. */
export interface WebhookSlots {
  readonly endpointId: number;
  readonly slots: number;
}

/** What is to become of an endpoint, and of the delivery that failed there. */
export interface FailureRuling {
  readonly health: EndpointHealth;
  readonly verdict: EndpointVerdict;
  /** The endpoint is left alone for so long; null: it is not paused. */
  readonly pauseMs: number | null;
  /** The delivery is tried again after this; null: it is given up. */
  readonly retryMs: number | null;
}

/** Judges a failure in the knowledge of how the endpoint did until now, by the clock of the ledger. */
export type JudgeFailure = (health: EndpointHealth, nowMs: number) => FailureRuling;

export interface FailureNote {
  readonly claim: WebhookClaim;
  readonly failure: FailedOutcome;
  readonly judge: JudgeFailure;
}

export interface TidyBounds {
  /** Deliveries waiting for one endpoint beyond which nothing more is kept for it, and below which it is again. */
  readonly backlogMax: number;
  readonly deliveredKeptMs: number;
  readonly failedKeptMs: number;
  /** Rows removed in one step. */
  readonly rowsMax: number;
}

/** What tidying up has changed. */
export interface Tidied {
  readonly removed: number;
  /** Endpoints for which nothing more is kept from now on, or is again. */
  readonly full: readonly number[];
  readonly room: readonly number[];
  /** There may be more to remove. */
  readonly more: boolean;
}

export interface WebhookStore {
  /** All that are not removed. */
  endpoints(): Promise<readonly WebhookEndpoint[]>;
  /** Writes deliveries of these events for whoever wants them; those that are written already stay. Returns how many are new. */
  record(events: readonly WrittenEvent[]): Promise<number>;
  /** Takes due deliveries; each counts as tried, and is nobody else's for `leaseMs`. */
  claim(wanted: readonly WebhookSlots[], leaseMs: number): Promise<readonly WebhookClaim[]>;
  /** A delivery whose claim has run out meanwhile, and that was taken by somebody else, is left alone: here and below. */
  delivered(claim: WebhookClaim, status: number): Promise<void>;
  /** Returns what was ruled; null: it was no longer ours. */
  failed(note: FailureNote): Promise<FailureRuling | null>;
  /** Gives it back as if it had not been tried. */
  release(claim: WebhookClaim): Promise<void>;
  /** null: somebody else is at it. */
  tidy(bounds: TidyBounds): Promise<Tidied | null>;
  close(): Promise<void>;
}

export interface WebhookRequest {
  readonly url: string;
  readonly headers: SignatureHeaders;
  readonly body: string;
  /** Aborted: the answer is not waited for any more. */
  readonly signal: AbortSignal;
}

export interface WebhookSender {
  /** Never rejects. */
  send(request: WebhookRequest): Promise<WebhookOutcome>;
  close(): void;
}

/** What the event feed wants of webhooks. */
export interface WebhookRecorder {
  /** Resolves when the deliveries are written that these events call for; at once where nobody wants them. */
  record(events: readonly WrittenEvent[]): Promise<void>;
}

/** Says that a delivery may be due. May forget: the ledger is asked as well. */
export interface WebhookClock {
  start(onDue: () => Promise<void>): Promise<void>;
  /** Never throws. */
  arm(deliveryId: string, attempt: number, delayMs: number): Promise<void>;
  stop(): Promise<void>;
}
