// Drawn from the machine by `npm run charts`; a test compares the two.
import type { Chart } from '../chart.ts';

export const shardChart: Chart = {
  svg: `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 364.3 622" width="364.3" height="622" role="img" aria-labelledby="chart-shard-title chart-shard-desc">
<title id="chart-shard-title">Statechart: shard</title>
<desc id="chart-shard-desc">States: unowned, acquiring, owned, handingOff, lost. The same as a list stands beside the drawing.</desc>
<defs><marker id="chart-arrow-shard" class="chart-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z"/></marker></defs>
<g class="state state-compound" data-state="shard">
<title>shard</title>
<rect class="state-box" x="12" y="12" width="340.3" height="598" rx="8"/>
<text class="state-name" x="26" y="31" text-anchor="start" font-size="14">shard</text>
</g>
<circle class="initial-dot" cx="127.3" cy="57" r="5"/>
<g class="state state-atomic" data-state="shard.unowned">
<title>shard.unowned</title>
<rect class="state-box" x="76.8" y="92" width="101" height="32" rx="8"/>
<text class="state-name" x="127.3" y="111" text-anchor="middle" font-size="14">unowned</text>
</g>
<g class="state state-atomic" data-state="shard.acquiring">
<title>shard.acquiring</title>
<rect class="state-box" x="214.3" y="228" width="104" height="32" rx="8"/>
<text class="state-name" x="266.3" y="247" text-anchor="middle" font-size="14">acquiring</text>
</g>
<g class="state state-atomic" data-state="shard.owned">
<title>shard.owned</title>
<rect class="state-box" x="225.8" y="336" width="81" height="32" rx="8"/>
<text class="state-name" x="266.3" y="355" text-anchor="middle" font-size="14">owned</text>
</g>
<g class="state state-atomic" data-state="shard.handingOff">
<title>shard.handingOff</title>
<rect class="state-box" x="137.3" y="448" width="116" height="32" rx="8"/>
<text class="state-name" x="195.3" y="467" text-anchor="middle" font-size="14">handingOff</text>
</g>
<g class="state state-atomic" data-state="shard.lost">
<title>shard.lost</title>
<rect class="state-box" x="166.3" y="558" width="58" height="32" rx="8"/>
<text class="state-name" x="195.3" y="577" text-anchor="middle" font-size="14">lost</text>
</g>
<g class="edge" data-edge="shard.unowned|claim|0"><title>claim</title><path class="edge-line" d="M157.6 124L157.6 134Q157.6 140 163.6 140L256 140Q262 140 262 146L262 206Q262 212 268 212L277.7 212Q283.7 212 283.7 218L283.7 228" marker-end="url(#chart-arrow-shard)"/><text class="edge-label" x="271" y="191" font-size="11">claim</text></g>
<g class="edge" data-edge="shard.acquiring|refused|0"><title>refused</title><path class="edge-line" d="M249 228L249 158Q249 152 243 152L143.4 152Q137.4 152 137.4 146L137.4 124" marker-end="url(#chart-arrow-shard)"/><text class="edge-label" x="199" y="191" font-size="11">refused</text></g>
<g class="edge" data-edge="shard.acquiring|tookOver|0"><title>tookOver</title><path class="edge-line" d="M266.3 260L266.3 336" marker-end="url(#chart-arrow-shard)"/><text class="edge-label" x="208.3" y="301" font-size="11">tookOver</text></g>
<g class="edge" data-edge="shard.owned|handOff|0"><title>handOff</title><path class="edge-line" d="M252.8 368L252.8 426Q252.8 432 246.8 432L220.7 432Q214.7 432 214.7 438L214.7 448" marker-end="url(#chart-arrow-shard)"/><text class="edge-label" x="201.8" y="411" font-size="11">handOff</text></g>
<g class="edge" data-edge="shard.owned|fenced|0"><title>fenced</title><path class="edge-line" d="M279.8 368L279.8 383.3Q279.8 384 280.6 384L280.6 384Q281.3 384 281.3 384.8L281.3 536Q281.3 542 275.3 542L215.8 542Q209.8 542 209.8 548L209.8 558" marker-end="url(#chart-arrow-shard)"/><text class="edge-label" x="290.3" y="467" font-size="11">fenced</text></g>
<g class="edge" data-edge="shard.handingOff|released|0"><title>released</title><path class="edge-line" d="M176 448L176 170Q176 164 170 164L123.2 164Q117.2 164 117.2 158L117.2 124" marker-end="url(#chart-arrow-shard)"/><text class="edge-label" x="120" y="301" font-size="11">released</text></g>
<g class="edge" data-edge="shard.handingOff|fenced|0"><title>fenced</title><path class="edge-line" d="M195.3 480L195.3 558" marker-end="url(#chart-arrow-shard)"/><text class="edge-label" x="149.3" y="521" font-size="11">fenced</text></g>
<g class="edge" data-edge="shard.lost|lookedUp|0"><title>lookedUp</title><path class="edge-line" d="M180.8 558L180.8 548Q180.8 542 174.8 542L103 542Q97 542 97 536L97 124" marker-end="url(#chart-arrow-shard)"/><text class="edge-label" x="36" y="355" font-size="11">lookedUp</text></g>
<g class="edge edge-initial"><path class="edge-line" d="M127.3 62L127.3 92" marker-end="url(#chart-arrow-shard)"/></g>
</svg>
`,
  states: [
 {
  "id": "shard",
  "name": "shard",
  "kind": "compound",
  "initial": true,
  "description": null,
  "entry": [],
  "exit": [],
  "invokes": [],
  "transitions": [],
  "states": [
   {
    "id": "shard.unowned",
    "name": "unowned",
    "kind": "atomic",
    "initial": true,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "shard.unowned|claim|0",
      "event": "claim",
      "label": "claim",
      "guard": null,
      "targets": [
       "shard.acquiring"
      ],
      "actions": [],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "shard.acquiring",
    "name": "acquiring",
    "kind": "atomic",
    "initial": false,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "shard.acquiring|refused|0",
      "event": "refused",
      "label": "refused",
      "guard": null,
      "targets": [
       "shard.unowned"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "shard.acquiring|tookOver|0",
      "event": "tookOver",
      "label": "tookOver",
      "guard": null,
      "targets": [
       "shard.owned"
      ],
      "actions": [],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "shard.owned",
    "name": "owned",
    "kind": "atomic",
    "initial": false,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "shard.owned|handOff|0",
      "event": "handOff",
      "label": "handOff",
      "guard": null,
      "targets": [
       "shard.handingOff"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "shard.owned|fenced|0",
      "event": "fenced",
      "label": "fenced",
      "guard": null,
      "targets": [
       "shard.lost"
      ],
      "actions": [],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "shard.handingOff",
    "name": "handingOff",
    "kind": "atomic",
    "initial": false,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "shard.handingOff|released|0",
      "event": "released",
      "label": "released",
      "guard": null,
      "targets": [
       "shard.unowned"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "shard.handingOff|fenced|0",
      "event": "fenced",
      "label": "fenced",
      "guard": null,
      "targets": [
       "shard.lost"
      ],
      "actions": [],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "shard.lost",
    "name": "lost",
    "kind": "atomic",
    "initial": false,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "shard.lost|lookedUp|0",
      "event": "lookedUp",
      "label": "lookedUp",
      "guard": null,
      "targets": [
       "shard.unowned"
      ],
      "actions": [],
      "description": null
     }
    ],
    "states": []
   }
  ]
 }
],
};
