/** Keys of the advisory locks on a database, in one place: two jobs under one key would keep each other from working. */
export const ADVISORY_LOCKS = {
  /** node-pg-migrate's own lock is switched off, since it would not cover the digests. */
  migrate: 7_241_866_101,
  /** One sweeper at a time on a database. */
  sweep: 7_241_866_102,
  /** One sealer at a time on a database. */
  seal: 7_241_866_103,
  /** One node at a time tidies up after webhooks. */
  webhooks: 7_241_866_104,
} as const;
