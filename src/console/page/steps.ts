import { useEffect, useState } from 'preact/hooks';
import type { StateValue } from '../charts/state-ids.ts';
import { stateIdsOf } from './chart-source.ts';

/** One event that an account's statechart has taken. */
export interface Step {
  readonly n: number;
  readonly at: string;
  readonly event: string;
  readonly before: readonly string[];
  /** State ids, outermost first. */
  readonly after: readonly string[];
}

export interface Steps {
  readonly link: 'connecting' | 'live' | 'inactive' | 'away';
  /** Where it is; empty: not known. */
  readonly active: readonly string[];
  /** Oldest first. */
  readonly steps: readonly Step[];
  /** The node that runs it. */
  readonly node: string | null;
}

const NOTHING: Steps = { link: 'connecting', active: [], steps: [], node: null };
const STEPS_MAX = 120;
const AGAIN_AFTER_MS = 2_000;

/** What of the stream's messages is used here; everything else in them is passed over. */
interface StreamMessage {
  readonly type: string;
  readonly createdAt?: string;
  readonly node?: string;
  readonly event?: { readonly type: string };
  readonly snapshot?: { readonly value?: StateValue };
}

const TYPES = [
  'message',
  '@xstate.actor',
  '@xstate.event',
  '@xstate.snapshot',
  'paygate.live',
  'paygate.inactive',
  'paygate.elsewhere',
  'paygate.leftOut',
];

/** Follows the statechart of a live account from now on. A shard that moves is followed to its new owner. */
export function useSteps(accountId: string, owner: string | null): Steps {
  const [steps, setSteps] = useState<Steps>(NOTHING);
  useEffect(() => {
    setSteps(NOTHING);
    let again: number | undefined;
    let source: EventSource | null = null;
    const open = (): void => {
      const opened = new EventSource(`/console/api/account/${accountId}/steps`);
      source = opened;
      const hear = (event: Event): void => {
        const message = JSON.parse((event as MessageEvent<string>).data) as StreamMessage;
        setSteps((known) => stepsAfter(known, message));
      };
      for (const type of TYPES) opened.addEventListener(type, hear);
      opened.onerror = () => {
        if (opened.readyState !== EventSource.CLOSED) return;
        setSteps((known) => ({ ...known, link: 'away' }));
        again = setTimeout(open, AGAIN_AFTER_MS);
      };
    };
    open();
    return () => {
      clearTimeout(again);
      source?.close();
    };
  }, [accountId, owner]);
  return steps;
}

function stepsAfter(known: Steps, message: StreamMessage): Steps {
  const active =
    message.snapshot?.value === undefined ? known.active : stateIdsOf('account', message.snapshot.value);
  switch (message.type) {
    case 'paygate.live':
      return { ...known, link: 'live', node: message.node ?? null };
    case 'paygate.inactive':
    case 'paygate.elsewhere':
      return { ...known, link: 'inactive', active: [], node: message.node ?? null };
    case '@xstate.actor':
      return { ...known, link: 'live', active };
    case '@xstate.snapshot': {
      if (message.event === undefined || message.event.type.startsWith('xstate.init'))
        return { ...known, link: 'live', active };
      const step: Step = {
        n: (known.steps.at(-1)?.n ?? 0) + 1,
        at: new Date(Number(message.createdAt ?? Date.now())).toISOString(),
        event: message.event.type,
        before: known.active,
        after: active,
      };
      return { ...known, link: 'live', active, steps: [...known.steps, step].slice(-STEPS_MAX) };
    }
    default:
      return known;
  }
}
