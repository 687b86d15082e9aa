import type { ChannelModel } from 'amqplib';
import { ensureError } from '../../domain/errors.ts';
import { retryDelayMs } from '../../domain/retry-policy.ts';
import { LIMITS } from '../../limits.ts';
import type { ConnectionChart, LinkState, StartConnection } from '../../ports/connection.ts';
import type { Logger, Random } from '../../ports/runtime.ts';
import { meaningOf } from '../server-errors.ts';
import { connect, disconnect } from './connect.ts';

/**
 * One supervised connection to RabbitMQ. Owns the socket and its generations; what is opened on it belongs to `build`.
 *
 * L1. There is at most one connection: a generation begins only after the one before it has been let go.
 * L2. Whatever breaks (connection, channel, consumer) ends the whole generation.
 * L3. Nothing that a connection or a channel reports is thrown: every emitter has an error listener before its first use.
 */

export interface LinkOptions {
  /** amqp:// or amqps://, with credentials; never logged. */
  readonly url: string;
  /** Shown by the broker as the connection's name. */
  readonly name: string;
  readonly logger: Logger;
  readonly random: Random;
  readonly startConnection: StartConnection;
}

/** A generation as `build` sees it. */
export interface LinkSession {
  readonly model: ChannelModel;
  /** Aborts when the generation is given up. */
  readonly signal: AbortSignal;
  /** Ends this generation, if it is still the present one. */
  lost(reason: Error): void;
  /** What the connection itself reported, which is often more telling than the call that failed. */
  failure(): Error | null;
}

/** Opens what a generation consists of. A rejection ends it. */
export type Build = (session: LinkSession) => Promise<void>;

interface Held {
  readonly generation: number;
  readonly model: ChannelModel;
}

export class RabbitLink {
  readonly #options: LinkOptions;
  readonly #build: Build;
  readonly #chart: ConnectionChart;
  #held: Held | null = null;
  #opening: Promise<void> = Promise.resolve();
  #lettingGo: Promise<void> = Promise.resolve();
  #lastReason = '';

  constructor(options: LinkOptions, build: Build) {
    this.#options = options;
    this.#build = build;
    this.#chart = options.startConnection({
      open: (generation, signal) => (this.#opening = this.#open(generation, signal)),
      tearDown: (generation) => this.#tearDown(generation),
      failed: (_generation, failures, reason) => this.#logFailure(failures, reason),
      cameUp: (generation) => this.#logUp(generation),
      backoffMs: (failures) =>
        retryDelayMs(
          Math.min(failures, LIMITS.reconnectDoublingsMax),
          LIMITS.reconnectBaseMs,
          options.random,
        ),
    });
  }

  state(): LinkState {
    return this.#chart.state();
  }

  /** For good; resolves when the socket is gone. Idempotent. */
  async close(): Promise<void> {
    this.#chart.close();
    // A connection that is just being opened is let go as soon as it is there.
    await Promise.allSettled([this.#opening]);
    await this.#lettingGo;
  }

  async #open(generation: number, signal: AbortSignal): Promise<void> {
    await this.#lettingGo;
    signal.throwIfAborted();
    const model = await connect(this.#options.url, this.#options.name);
    const fate: { failure: Error | null } = { failure: null };
    model.on('error', (error: unknown) => {
      fate.failure = ensureError(error);
    });
    model.on('close', (error: unknown) => {
      fate.failure ??= error == null ? new Error('the connection was closed') : ensureError(error);
      this.#chart.lost(generation, fate.failure);
    });
    model.on('blocked', () => this.#chart.blocked(generation));
    model.on('unblocked', () => this.#chart.unblocked(generation));
    if (signal.aborted) {
      this.#lettingGo = disconnect(model);
      throw ensureError(signal.reason);
    }
    this.#held = { generation, model };
    try {
      await this.#build({
        model,
        signal,
        lost: (reason) => this.#chart.lost(generation, fate.failure ?? reason),
        failure: () => fate.failure,
      });
    } catch (error) {
      throw fate.failure ?? ensureError(error);
    }
  }

  #tearDown(generation: number): void {
    const held = this.#held;
    if (held?.generation !== generation) return;
    this.#held = null;
    this.#lettingGo = disconnect(held.model);
  }

  /** A server that is away for an hour is one line, not one per try. */
  #logFailure(failures: number, reason: Error): void {
    const { category, advice } = meaningOf(reason) ?? {};
    const fields = { connection: this.#options.name, failures, reason: reason.message, category, advice };
    if (failures > 1 && reason.message === this.#lastReason) {
      this.#options.logger.debug(fields, 'RabbitMQ still not reachable');
      return;
    }
    this.#lastReason = reason.message;
    this.#options.logger.warn(fields, 'RabbitMQ connection lost or not to be had; trying again');
  }

  #logUp(generation: number): void {
    this.#lastReason = '';
    this.#options.logger.info({ connection: this.#options.name, generation }, 'RabbitMQ connection is up');
  }
}
