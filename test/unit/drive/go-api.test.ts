/**
 * Publishing under back pressure. Without these, a broker that slows down would make drive buffer without a bound,
 * and one that goes away meanwhile would leave it waiting for ever.
 */
import { EventEmitter } from 'node:events';
import type { Channel, Options } from 'amqplib';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { parseTraceparent } from '../../../src/contracts/traceparent.ts';
import { GoApi } from '../../../src/drive/go-api.ts';
import { newTraces } from '../../../src/drive/new-traces.ts';
import { Traffic, TRAFFIC_DEFAULTS } from '../../../src/drive/traffic.ts';

/** The part of a channel that publishing uses; takes `room` messages, then pushes back until `drain`. */
class NarrowChannel extends EventEmitter {
  room = 3;
  readonly bodies: Buffer[] = [];
  readonly options: Options.Publish[] = [];

  sendToQueue(_queue: string, body: Buffer, options: Options.Publish): boolean {
    this.bodies.push(body);
    this.options.push(options);
    this.room -= 1;
    return this.room > 0;
  }
}

const traffic = new Traffic({ ...TRAFFIC_DEFAULTS, seed: 's', run: 'r', accounts: 5 });
const operations = Array.from({ length: 5 }, () => traffic.next(Date.now() * 1000)).flat();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function publishing(): { readonly channel: NarrowChannel; readonly published: Promise<void> } {
  const channel = new NarrowChannel();
  const api = new GoApi(new pg.Pool(), channel as unknown as Channel);
  return { channel, published: api.publish(operations) };
}

describe('publishing', () => {
  it('stops when the broker pushes back and goes on when it has drained', async () => {
    const { channel, published } = publishing();
    await turn();
    expect(channel.bodies).toHaveLength(3);

    channel.room = 1_000;
    channel.emit('drain');
    await published;
    expect(channel.bodies).toHaveLength(operations.length);
    expect(channel.eventNames()).toEqual([]);
  });

  it.each(['close', 'error'])('fails on %s while it waits', async (event) => {
    const { channel, published } = publishing();
    await turn();
    channel.emit(event, new Error('the channel failed'));
    await expect(published).rejects.toThrow(/channel/);
    expect(channel.eventNames()).toEqual([]);
  });

  it('sends no headers, as the API, unless each message is to begin a trace', async () => {
    const channel = new NarrowChannel();
    channel.room = 1_000;
    await new GoApi(new pg.Pool(), channel as unknown as Channel).publish(operations);
    expect(channel.options.filter(({ headers }) => headers !== undefined)).toEqual([]);
    const begun: string[] = [];
    const headersOf = newTraces((traceId) => begun.push(traceId));
    channel.options.length = 0;
    await new GoApi(new pg.Pool(), channel as unknown as Channel, headersOf).publish(operations);
    const sent = channel.options.map(({ headers }: { headers?: Record<string, unknown> }) =>
      parseTraceparent(headers?.['traceparent']),
    );
    expect(sent).toEqual(begun.map((traceId): unknown => expect.objectContaining({ traceId, flags: 1 })));
    expect(new Set(begun).size).toBe(operations.length);
  });
});
