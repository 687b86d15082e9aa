import { AccountActor } from '../src/actors/account-actor.ts';
import { Mailbox } from '../src/machines/mailbox.ts';
import { RunIds } from '../src/machines/run-ids.ts';
import type { Envelope } from '../src/machines/envelope.ts';
import type { CommandEnvelope } from '../src/supervisor/command-envelope.ts';
import { IncomingStream } from '../src/supervisor/cluster/incoming-stream.ts';
import { Router } from '../src/supervisor/router.ts';
import type { Position } from '../src/supervisor/cluster/forward.ts';
import type { Offer } from '../src/supervisor/cluster/incoming-stream.ts';
import { withMethod } from './with-method.ts';

/** Mistakes that the simulator must find. Only a test plants them. Those that are not planted here are planted in ports. */
export const BUGS = [
  'ack before commit',
  'fence dropped',
  'bump and read in one step',
  'repeats decided anew',
  'duplicate inside a batch',
  'refund cap off by one',
  'double retry',
  'forward without numbers',
  'giving back in reverse',
  'giving back at the tail',
  'mailbox forgotten on passivation',
  'stale cache write',
  'outbox not taken over',
] as const;
export type Bug = (typeof BUGS)[number];

/** Plants what has to be planted in real code, for as long as `work` runs. */
export async function withBug<T>(bug: Bug | null, work: () => Promise<T>): Promise<T> {
  switch (bug) {
    case 'forward without numbers':
      return takingAnyNumber(work);
    case 'giving back in reverse':
      return givingBackInReverse(work);
    case 'giving back at the tail':
      return givingBackAtTheTail(work);
    case 'mailbox forgotten on passivation':
      return forgettingMailboxes(work);
    case 'duplicate inside a batch':
      return withMethod(RunIds.prototype, 'admit', () => () => true, work);
    case 'ack before commit':
    case 'fence dropped':
    case 'bump and read in one step':
    case 'repeats decided anew':
    case 'refund cap off by one':
    case 'double retry':
    case 'stale cache write':
    case 'outbox not taken over':
    case null:
      return work();
  }
}

/** The owner believes of every command that all before it have come. */
function takingAnyNumber<T>(work: () => Promise<T>): Promise<T> {
  return withMethod<IncomingStream, [Position, bigint | null], Offer, T>(
    IncomingStream.prototype,
    'offer',
    (offer) => (position, ownEpoch) => offer({ ...position, after: -1 }, ownEpoch),
    work,
  );
}

/** What comes back last goes first. */
function givingBackInReverse<T>(work: () => Promise<T>): Promise<T> {
  let n = 0;
  return withMethod<Router, [CommandEnvelope], unknown, T>(
    Router.prototype,
    'giveBack',
    (giveBack) => (envelope) => {
      Reflect.set(envelope, 'n', (n -= 1));
      giveBack(envelope);
    },
    work,
  );
}

/** What comes back goes behind all that has come since. */
function givingBackAtTheTail<T>(work: () => Promise<T>): Promise<T> {
  const newest = new WeakMap<Router, number>();
  const noting = (): Promise<T> =>
    withMethod<Router, [CommandEnvelope], unknown, T>(
      Router.prototype,
      'route',
      (route, router) => (envelope) => {
        newest.set(router, Math.max(newest.get(router) ?? 0, envelope.n));
        route(envelope);
      },
      work,
    );
  return withMethod<Router, [CommandEnvelope], unknown, T>(
    Router.prototype,
    'giveBack',
    (giveBack, router) => (envelope) => {
      Reflect.set(envelope, 'n', newest.get(router) ?? envelope.n);
      giveBack(envelope);
    },
    noting,
  );
}

/** An account is passivated without being asked, and what it had accepted is forgotten. */
function forgettingMailboxes<T>(work: () => Promise<T>): Promise<T> {
  let isForgetting = false;
  const passivating = (): Promise<T> =>
    withMethod<AccountActor, [], 'ended' | 'busy', T>(
      AccountActor.prototype,
      'passivate',
      (_passivate, actor) => () => {
        isForgetting = true;
        actor.stop('stopped');
        isForgetting = false;
        return 'ended';
      },
      work,
    );
  return withMethod<Mailbox, [], readonly Envelope[], T>(
    Mailbox.prototype,
    'takeAll',
    (takeAll) => () => {
      const all = takeAll();
      return isForgetting ? [] : all;
    },
    passivating,
  );
}
