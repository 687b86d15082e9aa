// Drawn from the machine by `npm run charts`; a test compares the two.
import type { Chart } from '../chart.ts';

export const connectionChart: Chart = {
  svg: `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 790.7 818" width="790.7" height="818" role="img" aria-labelledby="chart-connection-title chart-connection-desc">
<title id="chart-connection-title">Statechart: connection</title>
<desc id="chart-connection-desc">States: connecting, up (flowing, blocked), backingOff, closed, closedAfterTearDown. The same as a list stands beside the drawing.</desc>
<defs><marker id="chart-arrow-connection" class="chart-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z"/></marker></defs>
<g class="state state-compound" data-state="connection">
<title>connection</title>
<rect class="state-box" x="12" y="12" width="766.7" height="794" rx="8"/>
<text class="state-name" x="26" y="31" text-anchor="start" font-size="14">connection</text>
<g class="edge" data-edge="connection|CLOSE|0"><title>CLOSE</title><text class="state-internal" x="26" y="47" text-anchor="start" font-size="11">CLOSE → closed</text></g>
</g>
<circle class="initial-dot" cx="151" cy="73" r="5"/>
<g class="state state-atomic" data-state="connection.connecting">
<title>connection.connecting</title>
<rect class="state-box" x="73" y="108" width="156" height="64" rx="8"/>
<text class="state-name" x="151" y="127" text-anchor="middle" font-size="14">connecting</text>
<text class="state-part" x="151" y="143" text-anchor="middle" font-size="11">runs open</text>
<text class="state-part" x="151" y="159" text-anchor="middle" font-size="11">enter / beginGeneration</text>
</g>
<g class="state state-compound" data-state="connection.up">
<title>connection.up</title>
<rect class="state-box" x="141" y="262" width="440.7" height="274" rx="8"/>
<text class="state-name" x="155" y="281" text-anchor="start" font-size="14">up</text>
<text class="state-part" x="155" y="297" text-anchor="start" font-size="11">enter / tellUp</text>
<g class="edge" data-edge="connection.up|xstate.after.stable.connection.up|0"><title>after stable / forgetFailures</title><text class="state-internal" x="155" y="313" text-anchor="start" font-size="11">after stable / forgetFailures</text></g>
</g>
<circle class="initial-dot" cx="369.3" cy="339" r="5"/>
<g class="state state-atomic" data-state="connection.up.flowing">
<title>connection.up.flowing</title>
<rect class="state-box" x="326.3" y="374" width="86" height="32" rx="8"/>
<text class="state-name" x="369.3" y="393" text-anchor="middle" font-size="14">flowing</text>
</g>
<g class="state state-atomic" data-state="connection.up.blocked">
<title>connection.up.blocked</title>
<rect class="state-box" x="324" y="484" width="93" height="32" rx="8"/>
<text class="state-name" x="370.5" y="503" text-anchor="middle" font-size="14">blocked</text>
</g>
<g class="state state-atomic" data-state="connection.backingOff">
<title>connection.backingOff</title>
<rect class="state-box" x="302.3" y="614" width="118" height="48" rx="8"/>
<text class="state-name" x="361.3" y="633" text-anchor="middle" font-size="14">backingOff</text>
<text class="state-part" x="361.3" y="649" text-anchor="middle" font-size="11">enter / tearDown</text>
</g>
<g class="state state-final" data-state="connection.closed">
<title>connection.closed</title>
<rect class="state-box" x="490.3" y="738" width="118" height="48" rx="8"/>
<rect class="state-box-inner" x="493.3" y="741" width="112" height="42" rx="5"/>
<text class="state-name" x="549.3" y="757" text-anchor="middle" font-size="14">closed</text>
<text class="state-part" x="549.3" y="773" text-anchor="middle" font-size="11">enter / tearDown</text>
</g>
<g class="state state-final" data-state="connection.closedAfterTearDown">
<title>connection.closedAfterTearDown</title>
<rect class="state-box" x="260.3" y="738" width="202" height="32" rx="8"/>
<rect class="state-box-inner" x="263.3" y="741" width="196" height="26" rx="5"/>
<text class="state-name" x="361.3" y="757" text-anchor="middle" font-size="14">closedAfterTearDown</text>
</g>
<g class="edge" data-edge="connection.connecting|LOST|0"><title>LOST [ofThisGeneration] / countFailure, tellFailed</title><path class="edge-line" d="M190 172L190 182Q190 188 196 188L603.7 188Q609.7 188 609.7 194L609.7 592Q609.7 598 603.7 598L396.8 598Q390.8 598 390.8 604L390.8 614" marker-end="url(#chart-arrow-connection)"/><text class="edge-label" x="618.7" y="395" font-size="11">LOST [ofThisGeneration]</text></g>
<g class="edge" data-edge="connection.connecting|xstate.error.actor.0.connection.connecting|0"><title>open failed / countFailure, tellFailed</title><path class="edge-line" d="M190 172L190 182Q190 188 196 188L603.7 188Q609.7 188 609.7 194L609.7 592Q609.7 598 603.7 598L396.8 598Q390.8 598 390.8 604L390.8 614" marker-end="url(#chart-arrow-connection)"/><text class="edge-label" x="618.7" y="409" font-size="11">open failed</text></g>
<g class="edge" data-edge="connection.connecting|xstate.done.actor.0.connection.connecting|0"><title>open done</title><path class="edge-line" d="M151 172L151 194Q151 200 157 200L355.3 200Q361.3 200 361.3 206L361.3 262" marker-end="url(#chart-arrow-connection)"/><text class="edge-label" x="295.3" y="227" font-size="11">open done</text></g>
<g class="edge" data-edge="connection.up|LOST|0"><title>LOST [ofThisGeneration] / countFailure, tellFailed</title><path class="edge-line" d="M361.3 536L361.3 614" marker-end="url(#chart-arrow-connection)"/><text class="edge-label" x="217.3" y="577" font-size="11">LOST [ofThisGeneration]</text></g>
<g class="edge" data-edge="connection.up.flowing|BLOCKED|0"><title>BLOCKED [ofThisGeneration]</title><path class="edge-line" d="M383.7 406L383.7 466.8Q383.7 468 384.8 468L384.8 468Q386 468 386 469.2L386 484" marker-end="url(#chart-arrow-connection)"/><text class="edge-label" x="392.7" y="447" font-size="11">BLOCKED [ofThisGeneration]</text></g>
<g class="edge" data-edge="connection.up.blocked|UNBLOCKED|0"><title>UNBLOCKED [ofThisGeneration]</title><path class="edge-line" d="M355 484L355 406" marker-end="url(#chart-arrow-connection)"/><text class="edge-label" x="165" y="447" font-size="11">UNBLOCKED [ofThisGeneration]</text></g>
<g class="edge" data-edge="connection.backingOff|CLOSE|0"><title>CLOSE</title><path class="edge-line" d="M361.3 662L361.3 738" marker-end="url(#chart-arrow-connection)"/><text class="edge-label" x="311.3" y="703" font-size="11">CLOSE</text></g>
<g class="edge" data-edge="connection.backingOff|xstate.after.backoff.connection.backingOff|0"><title>after backoff</title><path class="edge-line" d="M331.8 614L331.8 604Q331.8 598 325.8 598L118 598Q112 598 112 592L112 172" marker-end="url(#chart-arrow-connection)"/><text class="edge-label" x="36" y="402" font-size="11">after backoff</text></g>
<g class="edge edge-initial"><path class="edge-line" d="M151 78L151 108" marker-end="url(#chart-arrow-connection)"/></g>
<g class="edge edge-initial"><path class="edge-line" d="M369.3 344L369.3 374" marker-end="url(#chart-arrow-connection)"/></g>
</svg>
`,
  states: [
 {
  "id": "connection",
  "name": "connection",
  "kind": "compound",
  "initial": true,
  "description": null,
  "entry": [],
  "exit": [],
  "invokes": [],
  "transitions": [
   {
    "edge": "connection|CLOSE|0",
    "event": "CLOSE",
    "label": "CLOSE",
    "guard": null,
    "targets": [
     "connection.closed"
    ],
    "actions": [],
    "description": null
   }
  ],
  "states": [
   {
    "id": "connection.connecting",
    "name": "connecting",
    "kind": "atomic",
    "initial": true,
    "description": null,
    "entry": [
     "beginGeneration"
    ],
    "exit": [],
    "invokes": [
     "open"
    ],
    "transitions": [
     {
      "edge": "connection.connecting|LOST|0",
      "event": "LOST",
      "label": "LOST",
      "guard": "ofThisGeneration",
      "targets": [
       "connection.backingOff"
      ],
      "actions": [
       "countFailure",
       "tellFailed"
      ],
      "description": null
     },
     {
      "edge": "connection.connecting|xstate.done.actor.0.connection.connecting|0",
      "event": "xstate.done.actor.0.connection.connecting",
      "label": "open done",
      "guard": null,
      "targets": [
       "connection.up"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "connection.connecting|xstate.error.actor.0.connection.connecting|0",
      "event": "xstate.error.actor.0.connection.connecting",
      "label": "open failed",
      "guard": null,
      "targets": [
       "connection.backingOff"
      ],
      "actions": [
       "countFailure",
       "tellFailed"
      ],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "connection.up",
    "name": "up",
    "kind": "compound",
    "initial": false,
    "description": null,
    "entry": [
     "tellUp"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "connection.up|LOST|0",
      "event": "LOST",
      "label": "LOST",
      "guard": "ofThisGeneration",
      "targets": [
       "connection.backingOff"
      ],
      "actions": [
       "countFailure",
       "tellFailed"
      ],
      "description": null
     },
     {
      "edge": "connection.up|xstate.after.stable.connection.up|0",
      "event": "xstate.after.stable.connection.up",
      "label": "after stable",
      "guard": null,
      "targets": [],
      "actions": [
       "forgetFailures"
      ],
      "description": null
     }
    ],
    "states": [
     {
      "id": "connection.up.flowing",
      "name": "flowing",
      "kind": "atomic",
      "initial": true,
      "description": null,
      "entry": [],
      "exit": [],
      "invokes": [],
      "transitions": [
       {
        "edge": "connection.up.flowing|BLOCKED|0",
        "event": "BLOCKED",
        "label": "BLOCKED",
        "guard": "ofThisGeneration",
        "targets": [
         "connection.up.blocked"
        ],
        "actions": [],
        "description": null
       }
      ],
      "states": []
     },
     {
      "id": "connection.up.blocked",
      "name": "blocked",
      "kind": "atomic",
      "initial": false,
      "description": null,
      "entry": [],
      "exit": [],
      "invokes": [],
      "transitions": [
       {
        "edge": "connection.up.blocked|UNBLOCKED|0",
        "event": "UNBLOCKED",
        "label": "UNBLOCKED",
        "guard": "ofThisGeneration",
        "targets": [
         "connection.up.flowing"
        ],
        "actions": [],
        "description": null
       }
      ],
      "states": []
     }
    ]
   },
   {
    "id": "connection.backingOff",
    "name": "backingOff",
    "kind": "atomic",
    "initial": false,
    "description": null,
    "entry": [
     "tearDown"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "connection.backingOff|CLOSE|0",
      "event": "CLOSE",
      "label": "CLOSE",
      "guard": null,
      "targets": [
       "connection.closedAfterTearDown"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "connection.backingOff|xstate.after.backoff.connection.backingOff|0",
      "event": "xstate.after.backoff.connection.backingOff",
      "label": "after backoff",
      "guard": null,
      "targets": [
       "connection.connecting"
      ],
      "actions": [],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "connection.closed",
    "name": "closed",
    "kind": "final",
    "initial": false,
    "description": null,
    "entry": [
     "tearDown"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [],
    "states": []
   },
   {
    "id": "connection.closedAfterTearDown",
    "name": "closedAfterTearDown",
    "kind": "final",
    "initial": false,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [],
    "states": []
   }
  ]
 }
],
};
