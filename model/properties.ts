/** What the models are searched for. The numbers are those of `common.pml`. */
export const PROPERTIES = {
  once: { flag: 'ONCE', says: 'a transaction is decided at most once' },
  kept: {
    flag: 'KEPT',
    says: 'nothing is acknowledged before it is in the ledger, and nothing is forgotten',
  },
  order: { flag: 'ORDER', says: 'decided in the order of the queue' },
  owner: { flag: 'OWNER', says: 'only the owner under the present epoch writes' },
  fresh: { flag: 'FRESH', says: 'an owner decides from the ledger as it is' },
  calm: { flag: 'CALM', says: 'lost leases take no shard from an owner at work' },
  ends: { flag: 'ENDS', says: 'every run comes to its end: nothing is stuck, nothing goes in circles' },
} as const satisfies Readonly<Record<string, { readonly flag: string; readonly says: string }>>;

export type Property = keyof typeof PROPERTIES;
