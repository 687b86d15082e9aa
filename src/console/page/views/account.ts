import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { AccountPage } from '../../../contracts/console.ts';
import { chartOf } from '../chart-source.ts';
import type { Seen } from '../feed.ts';
import { ageOf, counted, digits, duration, money } from '../format.ts';
import { Journal } from '../parts/journal.ts';
import { Statechart } from '../parts/statechart.ts';
import { useSteps, type Steps } from '../steps.ts';

/** One account, live: what it holds, who decides for it, where its statechart is, what it decided. */
export function AccountView({ id, seen }: { readonly id: string; readonly seen: Seen }): VNode {
  const { account } = seen;
  if (account === 'absent')
    return html`<h1 class="id">${id}</h1>
      <p class="panel">There is no such account. It may be a transaction: the search finds both.</p>`;
  const page = account === 'loading' || account.accountId !== id ? null : account;
  return html`<${Live}
    id=${id}
    now=${page}
    atMs=${seen.state === null ? Date.now() : Date.parse(seen.state.at)}
  />`;
}

interface LiveProps {
  readonly id: string;
  /** null: not heard of yet. */
  readonly now: AccountPage | null;
  readonly atMs: number;
}

/** Paused, it stays as it was, and says how much it is behind. */
function Live({ id, now, atMs }: LiveProps): VNode {
  const [mode, setMode] = useState<'follow' | 'paused'>('follow');
  const liveSteps = useSteps(id, now?.owner ?? null);
  const held = useRef<{ readonly page: AccountPage | null; readonly steps: Steps }>({
    page: null,
    steps: liveSteps,
  });
  if (mode === 'follow') held.current = { page: now, steps: liveSteps };
  const { page, steps } = held.current;
  const behind = page === null || now === null ? 0 : Number(BigInt(now.seq) - BigInt(page.seq));
  return html`
    <div class="title">
      <h1><span class="quiet">account</span> <span class="id">${id}</span></h1>
      <span class="behind" role="status"
        >${behind > 0 && `${counted(behind, 'decision', 'decisions')} newer`}</span
      >
      <button
        onClick=${() => setMode(mode === 'follow' ? 'paused' : 'follow')}
        aria-pressed=${mode === 'paused'}
      >
        ${mode === 'follow' ? 'Pause' : 'Follow again'}
      </button>
    </div>
    <${Facts} page=${page} steps=${steps} atMs=${atMs} />
    <section class="panel" aria-labelledby="chart-title">
      <h2 id="chart-title">Statechart <span class="note">${whereItIs(page, steps)}</span></h2>
      <${Statechart}
        chart=${chartOf('account')}
        active=${activeStates(page, steps)}
        lastStep=${steps.steps.at(-1) ?? null}
      />
    </section>
    <section class="panel" aria-labelledby="journal-title">
      <h2 id="journal-title">
        Journal
        <span class="note">${page === null ? '' : `last ${page.journal.length} of ${digits(page.seq)}`}</span>
      </h2>
      ${page === null ? html`<p class="quiet">waiting for the ledger</p>` : html`<${Journal} rows=${page.journal} steps=${steps.steps} />`}
    </section>
  `;
}

/** By its live steps; without them by what its node says. */
function activeStates(page: AccountPage | null, steps: Steps): readonly string[] {
  if (steps.link === 'live' && steps.active.length > 0) return steps.active;
  const path = page?.live?.at.split('.') ?? [];
  return path.length === 0
    ? []
    : ['account', ...path.map((_, index) => `account.${path.slice(0, index + 1).join('.')}`)];
}

function whereItIs(page: AccountPage | null, steps: Steps): string {
  if (steps.link === 'live') return `live${steps.node === null ? '' : ` from ${steps.node}`}`;
  if (steps.link === 'inactive') return 'not active: nothing is being done for it';
  if (page?.live != null) return `${page.live.at}, without live steps`;
  return steps.link === 'connecting' ? 'looking for its actor' : 'no live steps: its owner shows none';
}

function Facts({
  page,
  steps,
  atMs,
}: {
  readonly page: AccountPage | null;
  readonly steps: Steps;
  readonly atMs: number;
}): VNode {
  const fact = (name: string, value: VNode | string): VNode =>
    html`<div>
      <dt>${name}</dt>
      <dd>${value}</dd>
    </div>`;
  const of = (words: (page: AccountPage) => VNode | string): VNode | string =>
    page === null ? '–' : words(page);
  const waiting = ({ retries, parked, deadLetters }: AccountPage): string =>
    retries + parked + deadLetters === 0
      ? 'nothing'
      : `${counted(retries, 'retry', 'retries')}, ${parked} parked, ${counted(deadLetters, 'dead letter', 'dead letters')}`;
  const mailbox = ({ live }: AccountPage): string => {
    if (live !== null)
      return live.unanswered === 0 ? 'empty' : `${live.unanswered} · ${duration(live.ageMs)}`;
    return steps.link === 'inactive' ? 'not active' : 'on its owner';
  };
  return html`<section class="panel facts" aria-label="The account now">
    <div class="money">
      <p class="quiet">balance</p>
      <p class=${`big ${page?.balanceCents.startsWith('-') === true ? 'negative' : ''}`} data-fact="balance">
        ${of(({ balanceCents }) => money(balanceCents))}
      </p>
    </div>
    <dl>
      ${fact(
        'status',
        of(({ status }) => html`<span class=${`state state-${status}`}>${status}</span>`),
      )}
      ${fact(
        'owner',
        of(
          ({ owner }) =>
            html`<span data-fact="owner" title=${owner ?? ''}
              >${(owner ?? 'nobody').split(':')[0] ?? ''}</span
            >`,
        ),
      )}
      ${fact(
        'for',
        of(({ takenAt }) => (takenAt === null ? '–' : ageOf(takenAt, atMs))),
      )}
      ${fact(
        'shard',
        of(({ shard }) => String(shard)),
      )}
      ${fact(
        'epoch',
        of(({ epoch }) => epoch),
      )}
      ${fact(
        'decisions (seq)',
        of(({ seq }) => html`<span data-fact="seq">${digits(seq)}</span>`),
      )}
      ${fact(
        'overdraft',
        of(({ overdraftCents }) => money(overdraftCents)),
      )}
      ${fact('mailbox', of(mailbox))} ${fact('waiting', of(waiting))}
    </dl>
  </section>`;
}
