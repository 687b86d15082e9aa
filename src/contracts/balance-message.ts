import { z } from 'zod';
import type { BalanceCommand } from './command.ts';
import { optionalUuid, timestamp, uuid } from './fields.ts';

/** Both shapes of a balance request: the Go API sends the account alone, the rest is `BalanceUpdateMessage`. */
export const balanceRequest = z.object({
  account_id: uuid,
  card_id: optionalUuid,
  force_recalculation: z.boolean({ error: 'true or false' }).nullish(),
  timestamp: timestamp.nullish(),
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
