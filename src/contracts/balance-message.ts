import { z } from 'zod';
import type { BalanceCommand } from './command.ts';
import { optionalUuid, timestamp, uuid } from './fields.ts';

/** Both shapes of a balance request: the Go API sends the account alone, the rest is `BalanceUpdateMessage`. */
export const balanceRequest = z.object({
  account_id: uuid.describe('the account whose balance is written to Redis, at balance:<account id>'),
  card_id: optionalUuid.describe('a card whose total is written as well, at balance:card:<card id>'),
  force_recalculation: z
    .boolean({ error: 'true or false' })
    .nullish()
    .describe('true: the balance is first compared with the sum of its journal'),
  timestamp: timestamp.nullish().describe('when it was asked for, RFC 3339'),
});
export type BalanceRequest = z.infer<typeof balanceRequest>;

export function commandOfBalance(message: BalanceRequest): BalanceCommand {
  return {
    kind: 'balance',
    shape: isLive(message) ? 'live' : 'documented',
    accountId: message.account_id.toLowerCase(),
    cardId: message.card_id?.toLowerCase() ?? null,
    forceRecalculation: message.force_recalculation ?? false,
  };
}

function isLive(message: BalanceRequest): boolean {
  return (
    message.card_id === undefined &&
    message.force_recalculation === undefined &&
    message.timestamp === undefined
  );
}
