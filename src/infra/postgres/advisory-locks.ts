/** Keys of the advisory locks on a database, in one place: two jobs under one key would keep each other from working. */
export const ADVISORY_LOCKS = {
  migrate: 7_241_866_101,
  sweep: 7_241_866_102,
  seal: 7_241_866_103,
} as const;
