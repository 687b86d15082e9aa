// Drawn from the machine by `npm run charts`; a test compares the two.
import type { Chart } from '../chart.ts';

export const nodeChart: Chart = {
  svg: `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 700 1448" width="700" height="1448" role="img" aria-labelledby="chart-node-title chart-node-desc">
<title id="chart-node-title">Statechart: node</title>
<desc id="chart-node-desc">States: starting (openingLedger, joining), serving (ready, degraded), draining (leaving, flushing), closing, stopped. The same as a list stands beside the drawing.</desc>
<defs><marker id="chart-arrow-node" class="chart-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z"/></marker></defs>
<g class="state state-compound" data-state="node">
<title>node</title>
<rect class="state-box" x="12" y="12" width="676" height="1424" rx="8"/>
<text class="state-name" x="26" y="31" text-anchor="start" font-size="14">node</text>
<g class="edge" data-edge="node|health.changed|0"><title>health.changed / noteHealth</title><text class="state-internal" x="26" y="47" text-anchor="start" font-size="11">health.changed / noteHealth</text></g>
</g>
<circle class="initial-dot" cx="172.3" cy="73" r="5"/>
<g class="state state-compound" data-state="node.starting">
<title>node.starting</title>
<rect class="state-box" x="152.3" y="108" width="246.7" height="274" rx="8"/>
<text class="state-name" x="166.3" y="127" text-anchor="start" font-size="14">starting</text>
</g>
<circle class="initial-dot" cx="246.3" cy="153" r="5"/>
<g class="state state-atomic" data-state="node.starting.openingLedger">
<title>node.starting.openingLedger</title>
<rect class="state-box" x="172.3" y="188" width="148" height="48" rx="8"/>
<text class="state-name" x="246.3" y="207" text-anchor="middle" font-size="14">openingLedger</text>
<text class="state-part" x="246.3" y="223" text-anchor="middle" font-size="11">runs openLedger</text>
</g>
<g class="state state-atomic" data-state="node.starting.joining">
<title>node.starting.joining</title>
<rect class="state-box" x="229" y="314" width="84" height="48" rx="8"/>
<text class="state-name" x="271" y="333" text-anchor="middle" font-size="14">joining</text>
<text class="state-part" x="271" y="349" text-anchor="middle" font-size="11">runs join</text>
</g>
<g class="state state-compound" data-state="node.serving">
<title>node.serving</title>
<rect class="state-box" x="347.1" y="478" width="224.7" height="242" rx="8"/>
<text class="state-name" x="361.1" y="497" text-anchor="start" font-size="14">serving</text>
</g>
<circle class="initial-dot" cx="452.4" cy="523" r="5"/>
<g class="state state-atomic" data-state="node.serving.ready">
<title>node.serving.ready</title>
<rect class="state-box" x="415.4" y="558" width="74" height="32" rx="8"/>
<text class="state-name" x="452.4" y="577" text-anchor="middle" font-size="14">ready</text>
</g>
<g class="state state-atomic" data-state="node.serving.degraded">
<title>node.serving.degraded</title>
<rect class="state-box" x="395.4" y="668" width="104" height="32" rx="8"/>
<text class="state-name" x="447.4" y="687" text-anchor="middle" font-size="14">degraded</text>
</g>
<g class="state state-compound" data-state="node.draining">
<title>node.draining</title>
<rect class="state-box" x="402" y="812" width="178.5" height="274" rx="8"/>
<text class="state-name" x="416" y="831" text-anchor="start" font-size="14">draining</text>
</g>
<circle class="initial-dot" cx="509.7" cy="857" r="5"/>
<g class="state state-atomic" data-state="node.draining.leaving">
<title>node.draining.leaving</title>
<rect class="state-box" x="465.7" y="892" width="88" height="48" rx="8"/>
<text class="state-name" x="509.7" y="911" text-anchor="middle" font-size="14">leaving</text>
<text class="state-part" x="509.7" y="927" text-anchor="middle" font-size="11">runs leave</text>
</g>
<g class="state state-atomic" data-state="node.draining.flushing">
<title>node.draining.flushing</title>
<rect class="state-box" x="448.5" y="1018" width="93" height="48" rx="8"/>
<text class="state-name" x="495" y="1037" text-anchor="middle" font-size="14">flushing</text>
<text class="state-part" x="495" y="1053" text-anchor="middle" font-size="11">runs flush</text>
</g>
<g class="state state-atomic" data-state="node.closing">
<title>node.closing</title>
<rect class="state-box" x="75" y="1246" width="88" height="48" rx="8"/>
<text class="state-name" x="119" y="1265" text-anchor="middle" font-size="14">closing</text>
<text class="state-part" x="119" y="1281" text-anchor="middle" font-size="11">runs close</text>
</g>
<g class="state state-final" data-state="node.stopped">
<title>node.stopped</title>
<rect class="state-box" x="72.5" y="1384" width="93" height="32" rx="8"/>
<rect class="state-box-inner" x="75.5" y="1387" width="87" height="26" rx="5"/>
<text class="state-name" x="119" y="1403" text-anchor="middle" font-size="14">stopped</text>
</g>
<g class="edge" data-edge="node.starting|drain|0"><title>drain</title><path class="edge-line" d="M200 382L200 398Q200 404 194 404L92 404Q86 404 86 410L86 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="36" y="763" font-size="11">drain</text></g>
<g class="edge" data-edge="node.starting|refused|0"><title>refused / noteFailure</title><path class="edge-line" d="M200 382L200 398Q200 404 194 404L92 404Q86 404 86 410L86 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="36" y="777" font-size="11">refused</text></g>
<g class="edge" data-edge="node.starting.openingLedger|xstate.done.actor.0.node.starting.openingLedger|0"><title>openLedger done</title><path class="edge-line" d="M271 236L271 314" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="280" y="279" font-size="11">openLedger done</text></g>
<g class="edge" data-edge="node.starting.openingLedger|xstate.error.actor.0.node.starting.openingLedger|0"><title>openLedger failed / noteFailure</title><path class="edge-line" d="M221.7 236L221.7 246.2Q221.7 252 215.8 252L215.8 252Q210 252 210 257.8L210 1164Q210 1170 204 1170L103 1170Q97 1170 97 1176L97 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="103" y="770" font-size="11">openLedger failed</text></g>
<g class="edge" data-edge="node.starting.joining|xstate.done.actor.0.node.starting.joining|0"><title>join done</title><path class="edge-line" d="M285 362L285 398Q285 404 291 404L453.4 404Q459.4 404 459.4 410L459.4 478" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="468.4" y="443" font-size="11">join done</text></g>
<g class="edge" data-edge="node.starting.joining|xstate.error.actor.0.node.starting.joining|0"><title>join failed / noteFailure</title><path class="edge-line" d="M257 362L257 410Q257 416 263 416L283 416Q289 416 289 422L289 1176Q289 1182 283 1182L114 1182Q108 1182 108 1188L108 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="227" y="770" font-size="11">join failed</text></g>
<g class="edge" data-edge="node.serving|drain|0"><title>drain</title><path class="edge-line" d="M422 720L422 812" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="386" y="770" font-size="11">drain</text></g>
<g class="edge" data-edge="node.serving|refused|0"><title>refused / noteFailure</title><path class="edge-line" d="M496.9 720L496.9 730Q496.9 736 502.9 736L607 736Q613 736 613 742L613 1224Q613 1230 607 1230L158 1230Q152 1230 152 1236L152 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="622" y="955" font-size="11">refused</text></g>
<g class="edge" data-edge="node.serving.ready|always|0"><title>always [isUnhealthy]</title><path class="edge-line" d="M464.8 590L464.8 668" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="473.8" y="631" font-size="11">[isUnhealthy]</text></g>
<g class="edge" data-edge="node.serving.degraded|always|0"><title>always [isHealthy]</title><path class="edge-line" d="M430.1 668L430.1 657Q430.1 652 435.1 652L435.1 652Q440.1 652 440.1 647L440.1 590" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="371.1" y="631" font-size="11">[isHealthy]</text></g>
<g class="edge" data-edge="node.draining|refused|0"><title>refused / noteFailure</title><path class="edge-line" d="M505 1086L505 1200Q505 1206 499 1206L136 1206Q130 1206 130 1212L130 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="398" y="1135" font-size="11">refused</text></g>
<g class="edge" data-edge="node.draining|xstate.after.drainTimeout.node.draining|0"><title>after drainTimeout / noteReason</title><path class="edge-line" d="M505 1086L505 1200Q505 1206 499 1206L136 1206Q130 1206 130 1212L130 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="398" y="1149" font-size="11">after drainTimeout</text></g>
<g class="edge" data-edge="node.draining.leaving|xstate.done.actor.0.node.draining.leaving|0"><title>leave done</title><path class="edge-line" d="M495 940L495 1018" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="426" y="983" font-size="11">leave done</text></g>
<g class="edge" data-edge="node.draining.leaving|xstate.error.actor.0.node.draining.leaving|0"><title>leave failed / noteFailure</title><path class="edge-line" d="M524.3 940L524.3 950Q524.3 956 530.3 956L553.5 956Q559.5 956 559.5 962L559.5 1102Q559.5 1108 565.5 1108L588 1108Q594 1108 594 1114L594 1212Q594 1218 588 1218L147 1218Q141 1218 141 1224L141 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="522" y="1142" font-size="11">leave failed</text></g>
<g class="edge" data-edge="node.draining.flushing|xstate.done.actor.0.node.draining.flushing|0"><title>flush done</title><path class="edge-line" d="M495 1066L495 1102Q495 1108 489 1108L387 1108Q381 1108 381 1114L381 1188Q381 1194 375 1194L125 1194Q119 1194 119 1200L119 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="312" y="1135" font-size="11">flush done</text></g>
<g class="edge" data-edge="node.draining.flushing|xstate.error.actor.0.node.draining.flushing|0"><title>flush failed / noteFailure</title><path class="edge-line" d="M495 1066L495 1102Q495 1108 489 1108L387 1108Q381 1108 381 1114L381 1188Q381 1194 375 1194L125 1194Q119 1194 119 1200L119 1246" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="312" y="1149" font-size="11">flush failed</text></g>
<g class="edge" data-edge="node.closing|xstate.done.actor.0.node.closing|0"><title>close done</title><path class="edge-line" d="M119 1294L119 1384" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="47" y="1335" font-size="11">close done</text></g>
<g class="edge" data-edge="node.closing|xstate.error.actor.0.node.closing|0"><title>close failed / noteFailure</title><path class="edge-line" d="M119 1294L119 1384" marker-end="url(#chart-arrow-node)"/><text class="edge-label" x="47" y="1349" font-size="11">close failed</text></g>
<g class="edge edge-initial"><path class="edge-line" d="M172.3 78L172.3 108" marker-end="url(#chart-arrow-node)"/></g>
<g class="edge edge-initial"><path class="edge-line" d="M246.3 158L246.3 188" marker-end="url(#chart-arrow-node)"/></g>
<g class="edge edge-initial"><path class="edge-line" d="M452.4 528L452.4 558" marker-end="url(#chart-arrow-node)"/></g>
<g class="edge edge-initial"><path class="edge-line" d="M509.7 862L509.7 892" marker-end="url(#chart-arrow-node)"/></g>
</svg>
`,
  states: [
 {
  "id": "node",
  "name": "node",
  "kind": "compound",
  "initial": true,
  "description": null,
  "entry": [],
  "exit": [],
  "invokes": [],
  "transitions": [
   {
    "edge": "node|health.changed|0",
    "event": "health.changed",
    "label": "health.changed",
    "guard": null,
    "targets": [],
    "actions": [
     "noteHealth"
    ],
    "description": null
   }
  ],
  "states": [
   {
    "id": "node.starting",
    "name": "starting",
    "kind": "compound",
    "initial": true,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "node.starting|drain|0",
      "event": "drain",
      "label": "drain",
      "guard": null,
      "targets": [
       "node.closing"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "node.starting|refused|0",
      "event": "refused",
      "label": "refused",
      "guard": null,
      "targets": [
       "node.closing"
      ],
      "actions": [
       "noteFailure"
      ],
      "description": null
     }
    ],
    "states": [
     {
      "id": "node.starting.openingLedger",
      "name": "openingLedger",
      "kind": "atomic",
      "initial": true,
      "description": null,
      "entry": [],
      "exit": [],
      "invokes": [
       "openLedger"
      ],
      "transitions": [
       {
        "edge": "node.starting.openingLedger|xstate.done.actor.0.node.starting.openingLedger|0",
        "event": "xstate.done.actor.0.node.starting.openingLedger",
        "label": "openLedger done",
        "guard": null,
        "targets": [
         "node.starting.joining"
        ],
        "actions": [],
        "description": null
       },
       {
        "edge": "node.starting.openingLedger|xstate.error.actor.0.node.starting.openingLedger|0",
        "event": "xstate.error.actor.0.node.starting.openingLedger",
        "label": "openLedger failed",
        "guard": null,
        "targets": [
         "node.closing"
        ],
        "actions": [
         "noteFailure"
        ],
        "description": null
       }
      ],
      "states": []
     },
     {
      "id": "node.starting.joining",
      "name": "joining",
      "kind": "atomic",
      "initial": false,
      "description": null,
      "entry": [],
      "exit": [],
      "invokes": [
       "join"
      ],
      "transitions": [
       {
        "edge": "node.starting.joining|xstate.done.actor.0.node.starting.joining|0",
        "event": "xstate.done.actor.0.node.starting.joining",
        "label": "join done",
        "guard": null,
        "targets": [
         "node.serving"
        ],
        "actions": [],
        "description": null
       },
       {
        "edge": "node.starting.joining|xstate.error.actor.0.node.starting.joining|0",
        "event": "xstate.error.actor.0.node.starting.joining",
        "label": "join failed",
        "guard": null,
        "targets": [
         "node.closing"
        ],
        "actions": [
         "noteFailure"
        ],
        "description": null
       }
      ],
      "states": []
     }
    ]
   },
   {
    "id": "node.serving",
    "name": "serving",
    "kind": "compound",
    "initial": false,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "node.serving|drain|0",
      "event": "drain",
      "label": "drain",
      "guard": null,
      "targets": [
       "node.draining"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "node.serving|refused|0",
      "event": "refused",
      "label": "refused",
      "guard": null,
      "targets": [
       "node.closing"
      ],
      "actions": [
       "noteFailure"
      ],
      "description": null
     }
    ],
    "states": [
     {
      "id": "node.serving.ready",
      "name": "ready",
      "kind": "atomic",
      "initial": true,
      "description": null,
      "entry": [],
      "exit": [],
      "invokes": [],
      "transitions": [
       {
        "edge": "node.serving.ready|always|0",
        "event": "always",
        "label": "always",
        "guard": "isUnhealthy",
        "targets": [
         "node.serving.degraded"
        ],
        "actions": [],
        "description": null
       }
      ],
      "states": []
     },
     {
      "id": "node.serving.degraded",
      "name": "degraded",
      "kind": "atomic",
      "initial": false,
      "description": null,
      "entry": [],
      "exit": [],
      "invokes": [],
      "transitions": [
       {
        "edge": "node.serving.degraded|always|0",
        "event": "always",
        "label": "always",
        "guard": "isHealthy",
        "targets": [
         "node.serving.ready"
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
    "id": "node.draining",
    "name": "draining",
    "kind": "compound",
    "initial": false,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "node.draining|refused|0",
      "event": "refused",
      "label": "refused",
      "guard": null,
      "targets": [
       "node.closing"
      ],
      "actions": [
       "noteFailure"
      ],
      "description": null
     },
     {
      "edge": "node.draining|xstate.after.drainTimeout.node.draining|0",
      "event": "xstate.after.drainTimeout.node.draining",
      "label": "after drainTimeout",
      "guard": null,
      "targets": [
       "node.closing"
      ],
      "actions": [
       "noteReason"
      ],
      "description": null
     }
    ],
    "states": [
     {
      "id": "node.draining.leaving",
      "name": "leaving",
      "kind": "atomic",
      "initial": true,
      "description": null,
      "entry": [],
      "exit": [],
      "invokes": [
       "leave"
      ],
      "transitions": [
       {
        "edge": "node.draining.leaving|xstate.done.actor.0.node.draining.leaving|0",
        "event": "xstate.done.actor.0.node.draining.leaving",
        "label": "leave done",
        "guard": null,
        "targets": [
         "node.draining.flushing"
        ],
        "actions": [],
        "description": null
       },
       {
        "edge": "node.draining.leaving|xstate.error.actor.0.node.draining.leaving|0",
        "event": "xstate.error.actor.0.node.draining.leaving",
        "label": "leave failed",
        "guard": null,
        "targets": [
         "node.closing"
        ],
        "actions": [
         "noteFailure"
        ],
        "description": null
       }
      ],
      "states": []
     },
     {
      "id": "node.draining.flushing",
      "name": "flushing",
      "kind": "atomic",
      "initial": false,
      "description": null,
      "entry": [],
      "exit": [],
      "invokes": [
       "flush"
      ],
      "transitions": [
       {
        "edge": "node.draining.flushing|xstate.done.actor.0.node.draining.flushing|0",
        "event": "xstate.done.actor.0.node.draining.flushing",
        "label": "flush done",
        "guard": null,
        "targets": [
         "node.closing"
        ],
        "actions": [],
        "description": null
       },
       {
        "edge": "node.draining.flushing|xstate.error.actor.0.node.draining.flushing|0",
        "event": "xstate.error.actor.0.node.draining.flushing",
        "label": "flush failed",
        "guard": null,
        "targets": [
         "node.closing"
        ],
        "actions": [
         "noteFailure"
        ],
        "description": null
       }
      ],
      "states": []
     }
    ]
   },
   {
    "id": "node.closing",
    "name": "closing",
    "kind": "atomic",
    "initial": false,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [
     "close"
    ],
    "transitions": [
     {
      "edge": "node.closing|xstate.done.actor.0.node.closing|0",
      "event": "xstate.done.actor.0.node.closing",
      "label": "close done",
      "guard": null,
      "targets": [
       "node.stopped"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "node.closing|xstate.error.actor.0.node.closing|0",
      "event": "xstate.error.actor.0.node.closing",
      "label": "close failed",
      "guard": null,
      "targets": [
       "node.stopped"
      ],
      "actions": [
       "noteFailure"
      ],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "node.stopped",
    "name": "stopped",
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
