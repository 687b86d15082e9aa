/** What the models are searched for. The bits are those of `common.pml`. */
export const PROPERTIES = {
  once: { bit: 1, says: 'a transaction is decided at most once' },
  kept: {
    bit: 2,
    says: 'nothing is acknowledged before it is in the ledger, and nothing is forgotten',
  },
  order: { bit: 4, says: 'decided in the order of the queue' },
  owner: { bit: 8, says: 'only the owner under the present epoch writes' },
  fresh: { bit: 16, says: 'an owner decides from the ledger as it is' },
  calm: { bit: 64, says: 'lost leases take no shard from an owner at work' },
  ends: { bit: 32, says: 'every run comes to its end: nothing is stuck, nothing goes in circles' },
} as const satisfies Readonly<Record<string, { readonly bit: number; readonly says: string }>>;

export type Property = keyof typeof PROPERTIES;
