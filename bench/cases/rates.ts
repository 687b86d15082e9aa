/** Transactions per second at which steady streams are offered. */
export const RATES: readonly number[] = [100, 1_000, 5_000];

export const rateName = (ratePerSecond: number): string => `${ratePerSecond.toLocaleString('en-US')} tx/s`;
