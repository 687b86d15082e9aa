import type { LogFields, Logger, Metrics } from '../../../src/ports/runtime.ts';

/** Keeps what is logged at `error` and `warn`; drops the rest. */
export class QuietLogger implements Logger {
  readonly entries: { readonly level: string; readonly fields: LogFields; readonly message: string }[] = [];

  error(fields: LogFields, message: string): void {
    this.entries.push({ level: 'error', fields, message });
  }

  warn(fields: LogFields, message: string): void {
    this.entries.push({ level: 'warn', fields, message });
  }

  info(): void {
    return;
  }

  debug(): void {
    return;
  }

  isLevelEnabled(): boolean {
    return false;
  }

  child(): Logger {
    return this;
  }

  messages(level: 'error' | 'warn'): readonly string[] {
    return this.entries.filter((entry) => entry.level === level).map(({ message }) => message);
  }
}

/** Adds up what is counted, by name and label: `count('commitFailed busy')`. */
export class CountingMetrics implements Metrics {
  /** Of each command, from receipt to acknowledgement. */
  readonly settledSeconds: number[] = [];
  readonly #counts = new Map<string, number>();

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  received(queue: string, count: number): void {
    this.#add(`received ${queue}`, count);
  }

  decided(type: string, outcome: string, count: number): void {
    this.#add(`decided ${type} ${outcome}`, count);
  }

  ruleMatched(rule: string, action: string, count: number): void {
    this.#add(`ruleMatched ${rule} ${action}`, count);
  }

  repeated(kind: string, count: number): void {
    this.#add(`repeated ${kind}`, count);
  }

  deferred(code: string): void {
    this.#add(`deferred ${code}`, 1);
  }

  deadLettered(code: string): void {
    this.#add(`deadLettered ${code}`, 1);
  }

  settled(durationSeconds: number): void {
    this.settledSeconds.push(durationSeconds);
    this.#add('settled', 1);
  }

  commit(commands: number): void {
    this.#add('commits', 1);
    this.#add('commit commands', commands);
  }

  commitFailed(kind: string): void {
    this.#add(`commitFailed ${kind}`, 1);
  }

  eventsPublished(type: string, count: number): void {
    this.#add(`eventsPublished ${type}`, count);
  }

  eventsFailed(count: number): void {
    this.#add('eventsFailed', count);
  }

  fenced(shards: number): void {
    this.#add('fenced', shards);
  }

  actorStopped(reason: string): void {
    this.#add(`actorStopped ${reason}`, 1);
  }

  cacheWritten(count: number): void {
    this.#add('cacheWritten', count);
  }

  cacheFailed(count: number): void {
    this.#add('cacheFailed', count);
  }

  webhook(result: string): void {
    this.#add(`webhook ${result}`, 1);
  }

  swept(result: string, count: number): void {
    this.#add(`swept ${result}`, count);
  }

  sealed(count: number): void {
    this.#add('sealed', count);
  }

  queueDepth(): void {
    return;
  }

  forwardEnded(): void {
    this.#add('forwardEnded', 1);
  }

  shardsTaken(count: number): void {
    this.#add('shardsTaken', count);
  }

  shardHandedOff(): void {
    this.#add('shardHandedOff', 1);
  }

  shardLost(): void {
    this.#add('shardLost', 1);
  }

  #add(name: string, count: number): void {
    this.#counts.set(name, this.count(name) + count);
  }
}
