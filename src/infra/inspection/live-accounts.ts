import type { AnyActor } from 'xstate';
import type { StreamMessage } from '../../contracts/inspection.ts';

/** The accounts of a node, as inspection sees them. */
export interface LiveAccounts {
  /** false: the node is not so far yet; the others must not be asked then. */
  isReady(): boolean;
  /** Its running actor on this node; null: there is none. */
  actorOf(accountId: string): AnyActor | null;
  /** `node`: who else owns it; null: nobody, or it is not known. */
  ownerOf(
    accountId: string,
  ): { readonly kind: 'here' } | { readonly kind: 'elsewhere'; readonly node: string | null };
  /** Tells the listener of every actor that starts from now on, before it does anything; null: nobody any more. */
  watchStarts(listener: ((accountId: string, actor: AnyActor) => void) | null): void;
}

/** Someone who looks. `send` may throw: it is let go then. */
export interface Viewer {
  /** @param id for `Last-Event-ID`. */
  send(id: string, message: StreamMessage): void;
  /** Nothing more will come. */
  end(): void;
}
