/**
 * How drawings look, as CSS. Colours are variables with values for light and dark: a page may set its own on `.chart`.
 *
 * `[data-active]` on a state lights it, on a transition flashes it: `data-active` goes when the next event comes.
 */
export const CHART_STYLES = `
.chart {
  --chart-text: #1c2430; --chart-quiet: #5a6675; --chart-line: #7b8794; --chart-box: #ffffff; --chart-nested: #f4f6f8;
  --chart-border: #aab4bf; --chart-lit: #0b6bcb; --chart-lit-box: #dcecfb; --chart-fired: #c2410c;
  font-family: Helvetica, Arial, "Liberation Sans", sans-serif; max-width: 100%; height: auto;
}
@media (prefers-color-scheme: dark) {
  .chart {
    --chart-text: #e6eaf0; --chart-quiet: #9aa6b4; --chart-line: #7f8b99; --chart-box: #1d232b; --chart-nested: #161b21;
    --chart-border: #46515e; --chart-lit: #6cb6ff; --chart-lit-box: #12304d; --chart-fired: #ff9a5a;
  }
}
.chart text { fill: var(--chart-text); }
.chart .state-name { font-weight: 600; }
.chart .state-part, .chart .state-internal { fill: var(--chart-quiet); }
.chart .edge-label { fill: var(--chart-quiet); }
.chart .state-box { fill: var(--chart-box); stroke: var(--chart-border); stroke-width: 1.2; }
.chart .state-compound > .state-box, .chart .state-parallel > .state-box { fill: var(--chart-nested); }
.chart .state-parallel > .state-box { stroke-dasharray: 6 4; }
.chart .state-box-inner { fill: none; stroke: var(--chart-border); }
.chart .edge-line { fill: none; stroke: var(--chart-line); stroke-width: 1.2; }
.chart .chart-arrow path, .chart .initial-dot { fill: var(--chart-line); }
.chart [data-state][data-active] > .state-box { stroke: var(--chart-lit); stroke-width: 2.2; }
.chart .state-atomic[data-active] > .state-box, .chart .state-final[data-active] > .state-box { fill: var(--chart-lit-box); }
.chart [data-edge][data-active] .edge-line { stroke: var(--chart-fired); stroke-width: 2.4; }
.chart [data-edge][data-active] text { fill: var(--chart-fired); font-weight: 600; }
.chart .edge-line { transition: stroke 0.4s; }
.chart .state-box { transition: fill 0.4s, stroke 0.4s; }
@media (prefers-reduced-motion: reduce) { .chart * { transition: none; } }
`;
