import type { CommandEnvelope } from '../src/supervisor/command-envelope.ts';
import { IncomingStream } from '../src/supervisor/cluster/incoming-stream.ts';
import { Router } from '../src/supervisor/router.ts';
import type { Position } from '../src/supervisor/cluster/forward.ts';
import type { Offer } from '../src/supervisor/cluster/incoming-stream.ts';

/** Mistakes that the simulator must find. Only a test plants them. */
export const BUGS = [
  'ack before commit',
  'fence dropped',
  'forward without numbers',
  'giving back in reverse',
  'stale cache write',
  'outbox not taken over',
] as const;
export type Bug = (typeof BUGS)[number];

/** Plants what has to be planted in real code, for as long as `work` runs. The other bugs are planted in ports. */
export async function withBug<T>(bug: Bug | null, work: () => Promise<T>): Promise<T> {
  if (bug === 'forward without numbers')
    return withMethod(IncomingStream.prototype, 'offer', takeAnyNumber, work);
  if (bug === 'giving back in reverse') return withMethod(Router.prototype, 'giveBack', lastFirst(), work);
  return work();
}

type Method<A extends unknown[], R> = (...args: A) => R;

/** The owner believes of every command that all before it have come. */
function takeAnyNumber(
  offer: Method<[Position, bigint | null], Offer>,
): Method<[Position, bigint | null], Offer> {
  return (position, ownEpoch) => offer({ ...position, after: -1 }, ownEpoch);
}

/** What comes back last goes first. */
function lastFirst(): (giveBack: Method<[CommandEnvelope], void>) => Method<[CommandEnvelope], void> {
  let n = 0;
  return (giveBack) => (envelope) => {
    Reflect.set(envelope, 'n', (n -= 1));
    giveBack(envelope);
  };
}

/** Calls of the method go through what `replace` makes of the original. */
async function withMethod<A extends unknown[], R, T>(
  prototype: object,
  name: string,
  replace: (original: Method<A, R>) => Method<A, R>,
  work: () => Promise<T>,
): Promise<T> {
  const original: unknown = Reflect.get(prototype, name);
  if (typeof original !== 'function') throw new Error(`there is no ${name} to plant a bug in`);
  Reflect.set(prototype, name, function (this: unknown, ...args: A): R {
    return replace((...given) => Reflect.apply(original, this, given) as R)(...args);
  });
  try {
    return await work();
  } finally {
    Reflect.set(prototype, name, original);
  }
}
