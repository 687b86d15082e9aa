import { randomBytes } from 'node:crypto';
import { LIMITS } from '../../limits.ts';
import type { Clock, Logger } from '../../ports/runtime.ts';
import { AccountWatch } from './account-watch.ts';
import { Converter, type Disclosure } from './converter.ts';
import type { LiveAccounts, Viewer } from './live-accounts.ts';

export interface DeskOptions {
  readonly nodeId: string;
  readonly accounts: LiveAccounts;
  readonly disclosure: Disclosure;
  readonly clock: Clock;
  readonly logger: Logger;
}

export type Admission =
  /** `close` may be called more than once. */
  | { readonly kind: 'admitted'; readonly how: 'resumed' | 'begun'; close(): void }
  | { readonly kind: 'refused'; readonly reason: 'not-ready' | 'too-many-accounts' | 'too-many-viewers' };

interface Watching {
  readonly watch: AccountWatch;
  cancelEnd: () => void;
}

/**
 * Lets people look at live accounts of this node.
 *
 * Owns the watches. D1. At most `inspectAccountsMax` of them and `inspectViewersMax` viewers.
 * D2. A watch ends when its last viewer has gone and none came back within `inspectLingerMs`: a page that is loaded again goes on
 *     where it was. A new account does not wait for that.
 * D3. Where nobody looks there is no observer, on no actor, and the region tells nobody of its starts.
 */
export class InspectionDesk {
  readonly #options: DeskOptions;
  readonly #converter: Converter;
  readonly #watching = new Map<string, Watching>();

  constructor(options: DeskOptions) {
    const { nodeId, disclosure, clock } = options;
    this.#options = options;
    this.#converter = new Converter({
      nodeId,
      disclosure,
      bytesMax: LIMITS.inspectMessageBytesMax,
      // Above accounts is nothing that could be looked at.
      parentOf: () => undefined,
      now: () => clock.now(),
    });
  }

  /** Accounts with observers on them. */
  get watchedCount(): number {
    return this.#watching.size;
  }

  get viewerCount(): number {
    return [...this.#watching.values()].reduce((sum, { watch }) => sum + watch.viewerCount, 0);
  }

  /** @param lastEventId id of the last message the viewer has; null: none. */
  open(accountId: string, viewer: Viewer, lastEventId: string | null): Admission {
    if (!this.#options.accounts.isReady()) return { kind: 'refused', reason: 'not-ready' };
    if (this.viewerCount >= LIMITS.inspectViewersMax) return { kind: 'refused', reason: 'too-many-viewers' };
    const watching = this.#watching.get(accountId) ?? this.#begin(accountId);
    if (watching === null) return { kind: 'refused', reason: 'too-many-accounts' };
    watching.cancelEnd();
    const how = watching.watch.add(viewer, lastEventId);
    return { kind: 'admitted', how, close: () => this.#left(accountId, watching, viewer) };
  }

  /** Lets everybody go. */
  close(): void {
    for (const accountId of [...this.#watching.keys()]) this.#end(accountId);
  }

  #begin(accountId: string): Watching | null {
    this.#makeRoom();
    if (this.#watching.size >= LIMITS.inspectAccountsMax) return null;
    const { accounts, nodeId, clock, logger } = this.#options;
    const key = randomBytes(6).toString('hex');
    if (this.#watching.size === 0)
      accounts.watchStarts((id, actor) => this.#watching.get(id)?.watch.attach(actor));
    const watch = new AccountWatch({
      ...{ accountId, nodeId, key, accounts, clock, logger },
      converter: this.#converter,
    });
    const watching = { watch, cancelEnd: () => undefined };
    this.#watching.set(accountId, watching);
    return watching;
  }

  /** D2. */
  #makeRoom(): void {
    for (const [accountId, { watch }] of this.#watching) {
      if (this.#watching.size < LIMITS.inspectAccountsMax) return;
      if (watch.viewerCount === 0) this.#end(accountId);
    }
  }

  #left(accountId: string, watching: Watching, viewer: Viewer): void {
    watching.watch.remove(viewer);
    if (watching.watch.viewerCount > 0 || this.#watching.get(accountId) !== watching) return;
    watching.cancelEnd();
    watching.cancelEnd = this.#options.clock.after(LIMITS.inspectLingerMs, () => {
      if (watching.watch.viewerCount === 0 && this.#watching.get(accountId) === watching)
        this.#end(accountId);
    });
  }

  #end(accountId: string): void {
    const watching = this.#watching.get(accountId);
    this.#watching.delete(accountId);
    watching?.cancelEnd();
    watching?.watch.close();
    if (this.#watching.size === 0) this.#options.accounts.watchStarts(null);
  }
}
