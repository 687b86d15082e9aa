import { html } from 'htm/preact';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { addChartStyles, type Chart, firedEdge, type NestedState } from '../chart-source.ts';
import type { Step } from '../steps.ts';

const FLASH_MS = 900;
/** Where a drawing that fits cannot be read any more. */
const NARROW = '(max-width: 720px)';

interface StatechartProps {
  readonly chart: Chart;
  /** State ids. */
  readonly active: readonly string[];
  /** null: none yet. */
  readonly lastStep: Step | null;
}

/** A drawing with the active states lit, the last transition flashing, and the same as nested boxes. */
export function Statechart({ chart, active, lastStep }: StatechartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<'fit' | 'full'>('fit');
  const [form, setForm] = useState<'drawing' | 'boxes'>(() =>
    matchMedia(NARROW).matches ? 'boxes' : 'drawing',
  );
  const draw = (as: 'fit' | 'full') => (): void => {
    setForm('drawing');
    setSize(as);
  };
  useEffect(() => addChartStyles(), []);
  useEffect(() => {
    // Made by our own build from our own machines; parsed apart, so that nothing of it runs.
    const parsed = new DOMParser().parseFromString(chart.svg, 'image/svg+xml').documentElement;
    place.current?.replaceChildren(document.importNode(parsed, true));
  }, [chart, form]);
  useEffect(() => light(place.current, active), [active.join(), chart, form]);
  useEffect(() => flash(place.current, chart, lastStep), [lastStep?.n, chart]);
  return html`<div class="statechart">
    <div class="tools" role="group" aria-label="How the statechart is shown">
      <button aria-pressed=${form === 'drawing' && size === 'fit'} onClick=${draw('fit')}>Fit</button>
      <button aria-pressed=${form === 'drawing' && size === 'full'} onClick=${draw('full')}>Full size</button>
      <button aria-pressed=${form === 'boxes'} onClick=${() => setForm('boxes')}>Boxes</button>
    </div>
    ${
      form === 'boxes'
        ? html`<ul class="boxes" key="boxes">
            ${chart.states.map((state) => box(state, active))}
          </ul>`
        : html`<div
            key="drawing"
            class=${`drawing is-${size}`}
            ref=${place}
            tabindex="0"
            role="region"
            aria-label="Statechart, drawn"
          ></div>`
    }
  </div>`;
}

function box(state: NestedState, active: readonly string[]): VNode {
  const isActive = active.includes(state.id);
  return html`<li
    key=${state.id}
    class=${isActive ? 'is-active' : ''}
    aria-current=${isActive ? 'true' : null}
  >
    <b>${state.name}</b>${isActive && html`<span class="hidden"> (active)</span>`}
    ${
      state.transitions.length > 0 &&
      html`<span class="quiet">
        ${[...new Set(state.transitions.map(({ label }) => label))].join(' · ')}</span
      >`
    }
    ${
      state.states.length > 0 &&
      html`<ul>
        ${state.states.map((inner) => box(inner, active))}
      </ul>`
    }
  </li>`;
}

function light(place: HTMLElement | null, active: readonly string[]): void {
  for (const state of place?.querySelectorAll('[data-state]') ?? [])
    state.toggleAttribute('data-active', active.includes(state.getAttribute('data-state') ?? ''));
}

function flash(place: HTMLElement | null, chart: Chart, step: Step | null): (() => void) | undefined {
  if (place === null || step === null) return undefined;
  const edge = firedEdge(chart, step.event, step.before, step.after);
  const drawn = edge === null ? [] : [...place.querySelectorAll(`[data-edge="${CSS.escape(edge)}"]`)];
  for (const part of drawn) part.setAttribute('data-active', '');
  const dim = (): void => drawn.forEach((part) => part.removeAttribute('data-active'));
  const timer = setTimeout(dim, FLASH_MS);
  return () => {
    clearTimeout(timer);
    dim();
  };
}
