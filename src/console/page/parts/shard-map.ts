import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { ShardCell } from '../../../contracts/console.ts';
import { ageOf, count } from '../format.ts';
import { ownerClass } from './owner-colours.ts';

const COLUMNS = 32;

interface ShardMapProps {
  readonly shards: readonly ShardCell[];
  readonly names: readonly string[];
  readonly nowMs: number;
}

/** Who owns which shard. One stop for the tab key; arrows go from cell to cell. */
export function ShardMap({ shards, names, nowMs }: ShardMapProps): VNode {
  const [at, setAt] = useState<number | null>(null);
  const grid = useRef<HTMLDivElement>(null);
  const focusOn = (shard: number): void => {
    setAt(shard);
    grid.current?.querySelector<HTMLElement>(`[data-shard="${shard}"]`)?.focus();
  };
  const onKey = (event: KeyboardEvent): void => {
    const next = nextCell(event.key, at ?? 0, shards.length);
    if (next === null) return;
    event.preventDefault();
    focusOn(next);
  };
  const shown = at === null ? null : (shards[at] ?? null);
  return html`<section class="panel" aria-labelledby="shards-title">
    <h2 id="shards-title">Shards <span class="note">${legend(shards, names)}</span></h2>
    <div
      class="shards"
      role="group"
      aria-labelledby="shards-title"
      ref=${grid}
      onKeyDown=${onKey}
      onMouseLeave=${() => setAt(null)}
    >
      ${
        shards.length === 0
          ? Array.from({ length: 256 }, (_, shard) => html`<i key=${shard} class="cell owner-none"></i>`)
          : shards.map((cell) => cellOf(cell, names, at, setAt))
      }
    </div>
    <p class="detail" aria-hidden="true">${shown === null ? hint(shards) : detail(shown, nowMs)}</p>
  </section>`;
}

function cellOf(
  cell: ShardCell,
  names: readonly string[],
  at: number | null,
  setAt: (shard: number) => void,
): VNode {
  const { shard, owner, moving } = cell;
  const kind = owner === null ? 'unowned' : moving ? 'moving' : '';
  const colour = owner === null ? 'owner-none' : ownerClass(owner, names);
  return html`<i
    key=${shard}
    class=${`cell ${colour} ${kind}`}
    role="img"
    tabindex=${shard === (at ?? 0) ? 0 : -1}
    data-shard=${shard}
    data-owner=${owner ?? ''}
    aria-label=${inWords(cell)}
    onMouseEnter=${() => setAt(shard)}
    onFocus=${() => setAt(shard)}
  ></i>`;
}

function inWords({ shard, owner, epoch, moving, accounts }: ShardCell): string {
  const who = owner === null ? 'nobody owns it' : `owned by ${owner}${moving ? ', changes hands' : ''}`;
  return `Shard ${shard}: ${who}, epoch ${epoch}${accounts === null ? '' : `, ${accounts} active accounts`}`;
}

function detail(cell: ShardCell, nowMs: number): VNode {
  const { shard, owner, epoch, since, moving, accounts } = cell;
  const age = since === null ? '' : ` for ${ageOf(since, nowMs)}`;
  return html`<b>shard ${shard}</b> · ${owner ?? 'nobody'}${moving && ' · changes hands'}${age} · epoch
    ${epoch} ${accounts !== null && html` · ${count(accounts)} active accounts`}`;
}

function hint(shards: readonly ShardCell[]): string {
  const highest = shards.reduce((best, { epoch }) => Math.max(best, Number(epoch)), 0);
  return shards.length === 0
    ? 'waiting for the directory'
    : `highest epoch ${highest}; point at a shard for more`;
}

function legend(shards: readonly ShardCell[], names: readonly string[]): readonly VNode[] {
  const counts = new Map<string, number>();
  for (const { owner } of shards) counts.set(owner ?? '', (counts.get(owner ?? '') ?? 0) + 1);
  const moving = shards.filter((cell) => cell.moving).length;
  const owners = [...counts].sort(([a], [b]) => a.localeCompare(b));
  return [
    ...owners.map(([owner, number]) => {
      const colour = owner === '' ? 'owner-none unowned' : ownerClass(owner, names);
      return html`<span class="key"><i class=${`swatch ${colour}`}></i>${owner || 'nobody'} ${number}</span>`;
    }),
    ...(moving === 0
      ? []
      : [html`<span class="key"><i class="swatch moving owner-0"></i>moving ${moving}</span>`]),
  ];
}

function nextCell(key: string, at: number, cells: number): number | null {
  const steps: Readonly<Record<string, number>> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: COLUMNS,
    ArrowUp: -COLUMNS,
    Home: -at,
    End: cells - 1 - at,
  };
  const step = steps[key];
  if (step === undefined || at + step < 0 || at + step >= cells) return null;
  return at + step;
}
