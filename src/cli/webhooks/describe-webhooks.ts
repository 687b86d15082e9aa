import type { DeliveryView, EndpointView } from '../../infra/postgres/webhook-ledger.ts';
import { bold, count, paint, table } from '../output.ts';

const BECAUSE = {
  operator: 'by an operator',
  failures: 'because it kept failing',
  gone: 'because it answered that it is gone (HTTP 410)',
} as const;

const typesOf = ({ types }: EndpointView): string => types?.join(', ') ?? 'every type';

/** In a few words, with a colour that says whether somebody is needed. */
function stateOf({ state, disabledBecause, pausedUntil, failuresInRow }: EndpointView): string {
  if (state === 'disabled')
    return paint('red', disabledBecause === 'operator' ? 'disabled' : 'disabled: fails');
  if (pausedUntil !== null) return paint('yellow', `failing, tried again at ${pausedUntil}`);
  return failuresInRow > 0 ? paint('yellow', 'failing') : paint('green', 'active');
}

export function describeEndpoints(endpoints: readonly EndpointView[]): string {
  if (endpoints.length === 0) return 'No webhooks are registered.';
  return table(
    ['id', 'state', 'waiting', 'failed', 'types', 'url'],
    endpoints.map((one) => [
      one.id,
      stateOf(one),
      count(one.waiting),
      count(one.failed),
      typesOf(one),
      one.url,
    ]),
  );
}

export function describeEndpoint(one: EndpointView): string {
  const { disabledBecause, disabledAt, fullSince, previousSecretUntil, lastFailure, failingSince } = one;
  const lines: readonly (readonly [string, string | null])[] = [
    ['state', stateOf(one)],
    ['disabled', disabledBecause === null ? null : `${disabledAt ?? ''} ${BECAUSE[disabledBecause]}`],
    [
      'failing',
      failingSince === null ? null : `since ${failingSince}, ${String(one.failuresInRow)} in a row`,
    ],
    ['last failure', lastFailure],
    ['types', typesOf(one)],
    ['waiting', count(one.waiting)],
    ['given up', count(one.failed)],
    ['full', fullSince === null ? null : `since ${fullSince}: nothing more is kept for it`],
    ['registered', one.createdAt],
    [
      'secret',
      previousSecretUntil === null ? null : `the one before signs as well until ${previousSecretUntil}`,
    ],
    ['key', one.keyId],
  ];
  const shown = lines.flatMap(([name, value]) => (value === null ? [] : [`  ${name.padEnd(13)} ${value}`]));
  return [bold(`webhook ${String(one.id)}  ${one.url}`), ...shown].join('\n');
}

export function describeDeliveries(deliveries: readonly DeliveryView[]): string {
  if (deliveries.length === 0) return 'There are none.';
  return table(
    ['id', 'webhook', 'type', 'state', 'tries', 'when', 'last answer', 'event'],
    deliveries.map((one) => [
      one.id,
      one.endpointId,
      one.type,
      one.state,
      one.attempts,
      one.state === 'pending' ? `due ${one.dueAt}` : (one.endedAt ?? ''),
      one.lastFailure ?? (one.lastStatus === null ? null : `HTTP ${String(one.lastStatus)}`),
      one.eventId,
    ]),
  );
}
