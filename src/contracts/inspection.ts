/**
 * What the live stream of an account carries (`GET /inspect/<account id>/events`): the three messages of XState's official
 * inspector, and notes of ours about the stream itself, which are not for the inspector. Integers of money and counters of the
 * ledger are decimal strings.
 */
export type StreamMessage = WireMessage | StreamNote;

/** The format of `@statelyai/inspect`, key for key. Its page reads `_version`; ours says whose format this is. */
export const WIRE_VERSION = '0.7.2';

interface WireBase {
  /** Prefixed with the node: XState counts from 0 in every process. */
  readonly sessionId: string;
  readonly rootId: string;
  /** Milliseconds since the epoch, as text. */
  readonly createdAt: string;
  readonly id: null;
  readonly _version: string;
}

export interface WireSnapshotState {
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  /** Name of the state, or an object for nested ones. */
  readonly value?: unknown;
  readonly context?: unknown;
  readonly [key: string]: unknown;
}

export interface WireActor extends WireBase {
  readonly type: '@xstate.actor';
  readonly name: string;
  readonly parentId?: string | undefined;
  /** The machine's configuration, as JSON text. */
  readonly definition: string;
  readonly snapshot: WireSnapshotState;
}

export interface WireEventBody {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface WireEvent extends WireBase {
  readonly type: '@xstate.event';
  readonly event: WireEventBody;
  readonly sourceId?: string | undefined;
}

export interface WireSnapshot extends WireBase {
  readonly type: '@xstate.snapshot';
  readonly event: WireEventBody;
  readonly snapshot: WireSnapshotState;
}

export type WireMessage = WireActor | WireEvent | WireSnapshot;

export type StreamNote =
  /** The actor whose messages follow. */
  | { readonly type: 'paygate.live'; readonly accountId: string; readonly node: string }
  /** The account has no actor: nothing is being done for it. Its next command starts one here. */
  | { readonly type: 'paygate.inactive'; readonly accountId: string; readonly node: string }
  /** Another node owns it; null: nobody does, or it is not known yet who. */
  | {
      readonly type: 'paygate.elsewhere';
      readonly accountId: string;
      readonly node: string;
      readonly owner: string | null;
    }
  /** So many messages were left out, because they came too fast. A snapshot of where the account is now follows. */
  | { readonly type: 'paygate.leftOut'; readonly accountId: string; readonly count: number };

export const isWireMessage = (message: StreamMessage): message is WireMessage =>
  message.type.startsWith('@xstate.');
