import { MIX_DEFAULT, Traffic, TRAFFIC_DEFAULTS, type Mix } from '../../src/drive/traffic.ts';

/**
 * 55 % deposits, 35 % purchases, 5 % charges, 5 % refunds: the weights are those of the wishes, and a wish that an account cannot fulfil
 * (no card, no money yet, nothing to refund) becomes a deposit, so fewer deposits are wished for. True of 20
 * transactions an account, the suite's usual size; fewer have more deposits.
 */
const MIX: Mix = {
  ...(Object.fromEntries(Object.keys(MIX_DEFAULT).map((intent) => [intent, 0])) as Mix),
  deposit: 45,
  'purchase-with-card': 14,
  'purchase-without-card': 29,
  charge: 6,
  'full-refund': 3,
  'partial-refund': 3,
};

export interface BenchTrafficOptions {
  readonly accounts: number;
  /** Zipf exponent; 0: all accounts alike. */
  readonly skew?: number;
  /** 0 to 1. */
  readonly duplicatesShare?: number;
  /** Another one makes another stream. */
  readonly run?: string;
}

/** Payments as the Go API sends them, the same ones each time: all in the live shape, on `transactions_queue`. */
export function benchTraffic({
  accounts,
  skew = 0,
  duplicatesShare = 0,
  run = 'run',
}: BenchTrafficOptions): Traffic {
  return new Traffic({
    ...TRAFFIC_DEFAULTS,
    seed: 'bench',
    run,
    accounts,
    skew,
    mix: MIX,
    duplicatesShare,
    documentedShare: 0,
    balanceRequestsShare: 0,
  });
}
