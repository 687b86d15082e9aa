/** Time and chance come in from outside, so that the same code runs on virtual time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back after the current turn and its I/O. */
  soon(callback: () => void): void;
}

export interface Random {
  /** 0 ≤ x < 1. */
  next(): number;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log; pino's own signature, fields first. */
export interface Logger {
  error(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  isLevelEnabled(level: string): boolean;
  child(fields: LogFields): Logger;
}

/** Counters and gauges of a node, called per batch where they can be. */
export interface Metrics {
  received(queue: string, count: number): void;
  decided(type: string, outcome: string, count: number): void;
  ruleMatched(rule: string, action: string, count: number): void;
  repeated(kind: 'already_decided' | 'same_key', count: number): void;
  deferred(code: string): void;
  deadLettered(code: string): void;
  /** Seconds from receipt to acknowledgement. */
  settled(durationSeconds: number): void;
  commit(commands: number, durationSeconds: number): void;
  commitFailed(kind: string): void;
  fenced(shards: number): void;
  actorStopped(reason: string): void;
  /** `durationSeconds`: of the one call that wrote them. */
  cacheWritten(count: number, durationSeconds: number): void;
  cacheFailed(count: number): void;
  eventsPublished(type: string, count: number): void;
  /** Events that the broker did not take at once. */
  eventsFailed(count: number): void;
  /** Tries to post an event: `failed` is tried again. */
  webhook(result: 'delivered' | 'failed' | 'given_up'): void;
  /** Rows that were found without a message. */
  swept(result: 'driven' | 'invalid' | 'target_unknown', count: number): void;
  /** Rows of the journal. */
  sealed(count: number): void;
  /** Messages that stand ready in a queue of the broker, as last seen. */
  queueDepth(queue: string, messages: number): void;
  /** Another node has settled a command that was sent to it. */
  forwardEnded(): void;
  shardsTaken(count: number): void;
  shardHandedOff(): void;
  /** Another node has taken a shard that we thought ours. */
  shardLost(): void;
}
