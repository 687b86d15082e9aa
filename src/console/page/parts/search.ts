import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { TransactionPage } from '../../../contracts/console.ts';
import { fetchJson } from '../fetched.ts';
import { go } from '../route.ts';

const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;

type Outcome = 'idle' | 'searching' | 'no-id' | 'nothing' | 'failed';

const WORDS = {
  idle: '',
  searching: 'searching …',
  'no-id': 'That is no id: 36 characters, as in a log line.',
  nothing: 'Neither an account nor a transaction has this id.',
  failed: 'The ledger could not be asked.',
} as const satisfies Record<Outcome, string>;

/** Finds an account or a transaction by its id. `/` comes here from anywhere, Escape goes back. */
export function Search(): VNode {
  const field = useRef<HTMLInputElement>(null);
  const [outcome, setOutcome] = useState<Outcome>('idle');
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => onGlobalKey(event, field.current);
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const search = (event: Event): void => {
    event.preventDefault();
    setOutcome('searching');
    void find(field.current?.value ?? '').then((found) => {
      setOutcome(found);
      if (found === 'idle' && field.current !== null) field.current.value = '';
    });
  };
  return html`<form class="search" role="search" onSubmit=${search}>
    <label class="hidden" for="search">Account or transaction id</label>
    <input
      id="search"
      ref=${field}
      type="search"
      placeholder="account or transaction id"
      autocomplete="off"
      spellcheck=${false}
      aria-describedby="search-outcome"
      onInput=${() => setOutcome('idle')}
    />
    <kbd aria-hidden="true">/</kbd>
    <p id="search-outcome" class="search-outcome" role="status">${WORDS[outcome]}</p>
  </form>`;
}

function onGlobalKey(event: KeyboardEvent, field: HTMLInputElement | null): void {
  const isTyping = event.target instanceof HTMLInputElement;
  if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    field?.focus();
    field?.select();
  }
  if (event.key !== 'Escape') return;
  if (isTyping) field?.blur();
  else go({ kind: 'overview' });
}

async function find(text: string): Promise<Outcome> {
  const id = ID.exec(text.trim().toLowerCase())?.[0];
  if (id === undefined) return 'no-id';
  const { signal } = new AbortController();
  const account = await fetchJson(`/console/api/account/${id}`, signal);
  if (account.kind === 'failed') return 'failed';
  if (account.kind === 'here') {
    go({ kind: 'account', id });
    return 'idle';
  }
  const transaction = await fetchJson<TransactionPage>(`/console/api/transaction/${id}`, signal);
  if (transaction.kind !== 'here') return 'failed';
  if (!transaction.value.known) return 'nothing';
  go({ kind: 'transaction', id });
  return 'idle';
}
