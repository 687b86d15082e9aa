import type { CachedBalance } from '../../ports/balance-cache.ts';

export type CachedKind = CachedBalance['kind'];

const PREFIX: Readonly<Record<CachedKind, string>> = { account: 'balance:', card: 'balance:card:' };

/** The key that the Go API reads (or the card's). */
export function balanceKey(kind: CachedKind, id: string): string {
  return PREFIX[kind] + id;
}

/** Beside it, in the same slot: the journal seq that the balance belongs to. */
export function versionKey(kind: CachedKind, id: string): string {
  return `{${balanceKey(kind, id)}}:v`;
}

/** Every key of ours begins with it. */
export const BALANCE_KEYS = `${PREFIX.account}*`;

const OURS = /^balance:(card:)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** Whose balance a key is; null: none that we would write. */
export function ownerOfKey(key: string): { readonly kind: CachedKind; readonly id: string } | null {
  const [, card, id] = OURS.exec(key) ?? [];
  if (id === undefined) return null;
  return { kind: card === undefined ? 'account' : 'card', id };
}
