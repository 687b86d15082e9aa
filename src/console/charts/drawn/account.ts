// Drawn from the machine by `npm run charts`; a test compares the two.
import type { Chart } from '../chart.ts';

export const accountChart: Chart = {
  svg: `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 2367.9 1466" width="2367.9" height="1466" role="img" aria-labelledby="chart-account-title chart-account-desc">
<title id="chart-account-title">Statechart: account</title>
<desc id="chart-account-desc">States: hydrating, backingOff, unknown, active (idle, takingUp, loading, committing), quarantined, ordering, stopped, lost. The same as a list stands beside the drawing.</desc>
<defs><marker id="chart-arrow-account" class="chart-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z"/></marker></defs>
<g class="state state-compound" data-state="account">
<title>account</title>
<rect class="state-box" x="12" y="12" width="2343.9" height="1442" rx="8"/>
<text class="state-name" x="26" y="31" text-anchor="start" font-size="14">account</text>
<g class="edge" data-edge="account|command.arrived|0"><title>command.arrived: In the mailbox already; looked at when the present work is over.</title><text class="state-internal" x="26" y="47" text-anchor="start" font-size="11">command.arrived</text></g>
<g class="edge" data-edge="account|passivate|0"><title>passivate: Refused: there is work.</title><text class="state-internal" x="26" y="63" text-anchor="start" font-size="11">passivate</text></g>
<g class="edge" data-edge="account|parked.seen|0"><title>parked.seen / noteParkedSeen</title><text class="state-internal" x="26" y="79" text-anchor="start" font-size="11">parked.seen / noteParkedSeen</text></g>
<g class="edge" data-edge="account|quarantine|0"><title>quarantine / noteQuarantine</title><text class="state-internal" x="26" y="95" text-anchor="start" font-size="11">quarantine / noteQuarantine</text></g>
<g class="edge" data-edge="account|stop|0"><title>stop / noteStop</title><text class="state-internal" x="26" y="111" text-anchor="start" font-size="11">stop / noteStop → stopped</text></g>
</g>
<circle class="initial-dot" cx="2084.7" cy="137" r="5"/>
<g class="state state-atomic" data-state="account.hydrating">
<title>account.hydrating</title>
<rect class="state-box" x="1993.2" y="172" width="183" height="48" rx="8"/>
<text class="state-name" x="2084.7" y="191" text-anchor="middle" font-size="14">hydrating</text>
<text class="state-part" x="2084.7" y="207" text-anchor="middle" font-size="11">enter / noteReading, hydrate</text>
</g>
<g class="state state-atomic" data-state="account.backingOff">
<title>account.backingOff</title>
<rect class="state-box" x="621.2" y="1386" width="116" height="48" rx="8"/>
<text class="state-name" x="679.2" y="1405" text-anchor="middle" font-size="14">backingOff</text>
<text class="state-part" x="679.2" y="1421" text-anchor="middle" font-size="11">enter / pause</text>
</g>
<g class="state state-atomic" data-state="account.unknown">
<title>account.unknown: Not kept: an account may be created at any time. What came after the question asks again.</title>
<rect class="state-box" x="2046.6" y="382.7" width="167" height="48" rx="8"/>
<text class="state-name" x="2130.1" y="401.7" text-anchor="middle" font-size="14">unknown</text>
<text class="state-part" x="2130.1" y="417.7" text-anchor="middle" font-size="11">enter / refuseAsUnknown</text>
</g>
<g class="state state-compound" data-state="account.active">
<title>account.active</title>
<rect class="state-box" x="573" y="724" width="992.4" height="498" rx="8"/>
<text class="state-name" x="587" y="743" text-anchor="start" font-size="14">active</text>
</g>
<circle class="initial-dot" cx="1516.4" cy="769" r="5"/>
<g class="state state-atomic" data-state="account.active.idle">
<title>account.active.idle</title>
<rect class="state-box" x="1487.4" y="804" width="58" height="32" rx="8"/>
<text class="state-name" x="1516.4" y="823" text-anchor="middle" font-size="14">idle</text>
</g>
<g class="state state-atomic" data-state="account.active.takingUp">
<title>account.active.takingUp</title>
<rect class="state-box" x="623" y="1010" width="129" height="48" rx="8"/>
<text class="state-name" x="687.5" y="1029" text-anchor="middle" font-size="14">takingUp</text>
<text class="state-part" x="687.5" y="1045" text-anchor="middle" font-size="11">enter / takeParked</text>
</g>
<g class="state state-atomic" data-state="account.active.loading">
<title>account.active.loading</title>
<rect class="state-box" x="1182" y="1018" width="90" height="48" rx="8"/>
<text class="state-name" x="1227" y="1037" text-anchor="middle" font-size="14">loading</text>
<text class="state-part" x="1227" y="1053" text-anchor="middle" font-size="11">enter / load</text>
</g>
<g class="state state-atomic" data-state="account.active.committing">
<title>account.active.committing</title>
<rect class="state-box" x="1156" y="1154" width="172" height="48" rx="8"/>
<text class="state-name" x="1242" y="1173" text-anchor="middle" font-size="14">committing</text>
<text class="state-part" x="1242" y="1189" text-anchor="middle" font-size="11">enter / decideAndPropose</text>
</g>
<g class="state state-atomic" data-state="account.quarantined">
<title>account.quarantined</title>
<rect class="state-box" x="1744.6" y="372" width="192" height="80" rx="8"/>
<text class="state-name" x="1840.6" y="391" text-anchor="middle" font-size="14">quarantined</text>
<text class="state-part" x="1840.6" y="407" text-anchor="middle" font-size="11">enter / leaveParked, setAside</text>
<g class="edge" data-edge="account.quarantined|command.arrived|0"><title>command.arrived / setAside</title><text class="state-internal" x="1840.6" y="423" text-anchor="middle" font-size="11">command.arrived / setAside</text></g>
<g class="edge" data-edge="account.quarantined|parked.seen|0"><title>parked.seen: They stay where they are.</title><text class="state-internal" x="1840.6" y="439" text-anchor="middle" font-size="11">parked.seen</text></g>
</g>
<g class="state state-atomic" data-state="account.ordering">
<title>account.ordering</title>
<rect class="state-box" x="1695" y="558" width="113" height="48" rx="8"/>
<text class="state-name" x="1751.5" y="577" text-anchor="middle" font-size="14">ordering</text>
<text class="state-part" x="1751.5" y="593" text-anchor="middle" font-size="11">enter / carryOut</text>
</g>
<g class="state state-final" data-state="account.stopped">
<title>account.stopped</title>
<rect class="state-box" x="1842.1" y="1386" width="93" height="48" rx="8"/>
<rect class="state-box-inner" x="1845.1" y="1389" width="87" height="42" rx="5"/>
<text class="state-name" x="1888.6" y="1405" text-anchor="middle" font-size="14">stopped</text>
<text class="state-part" x="1888.6" y="1421" text-anchor="middle" font-size="11">enter / end</text>
</g>
<g class="state state-final" data-state="account.lost">
<title>account.lost</title>
<rect class="state-box" x="1728.1" y="1386" width="86" height="48" rx="8"/>
<rect class="state-box-inner" x="1731.1" y="1389" width="80" height="42" rx="5"/>
<text class="state-name" x="1771.1" y="1405" text-anchor="middle" font-size="14">lost</text>
<text class="state-part" x="1771.1" y="1421" text-anchor="middle" font-size="11">enter / end</text>
</g>
<g class="edge" data-edge="account.hydrating|hydrated|0"><title>hydrated [accountIsUnknown]</title><path class="edge-line" d="M2157.9 220L2157.9 382.7" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="2166.9" y="335" font-size="11">hydrated [accountIsUnknown]</text></g>
<g class="edge" data-edge="account.hydrating|hydrated|1"><title>hydrated [accountIsQuarantined] / noteState</title><path class="edge-line" d="M2103 220L2103 290Q2103 296 2097 296L1846.6 296Q1840.6 296 1840.6 302L1840.6 372" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1652.6" y="335" font-size="11">hydrated [accountIsQuarantined]</text></g>
<g class="edge" data-edge="account.hydrating|hydrated|2"><title>hydrated / noteState</title><path class="edge-line" d="M2066.4 220L2066.4 266Q2066.4 272 2060.4 272L537 272Q531 272 531 278L531 702Q531 708 537 708L1471.4 708Q1477.4 708 1477.4 714L1477.4 724" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="540" y="514" font-size="11">hydrated</text></g>
<g class="edge" data-edge="account.hydrating|hydration.failed|0"><title>hydration.failed / noteLoadFailure</title><path class="edge-line" d="M2011.5 220L2011.5 230Q2011.5 236 2005.5 236L135 236Q129 236 129 242L129 1364Q129 1370 135 1370L631.8 1370Q637.8 1370 637.8 1376L637.8 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="36" y="585" font-size="11">hydration.failed</text></g>
<g class="edge" data-edge="account.backingOff|pause.over|0"><title>pause.over</title><path class="edge-line" d="M654.4 1386L654.4 1364Q654.4 1358 648.4 1358L148 1358Q142 1358 142 1352L142 254Q142 248 148 248L2023.8 248Q2029.8 248 2029.8 242L2029.8 220" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="151" y="585" font-size="11">pause.over</text></g>
<g class="edge" data-edge="account.unknown|always|0"><title>always [somethingWaits]</title><path class="edge-line" d="M2102.2 382.7L2102.2 362Q2102.2 356 2108.2 356L2133.6 356Q2139.6 356 2139.6 350L2139.6 220" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="2035.6" y="335" font-size="11">[somethingWaits]</text></g>
<g class="edge" data-edge="account.unknown|always|1"><title>always / noteUnknown</title><path class="edge-line" d="M2130.1 430.7L2130.1 1340Q2130.1 1346 2124.1 1346L1917.9 1346Q1911.9 1346 1911.9 1352L1911.9 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="2082.1" y="680" font-size="11">always</text></g>
<g class="edge" data-edge="account.active.idle|command.arrived|0"><title>command.arrived [mustReadAgain]</title><path class="edge-line" d="M1493.9 836L1493.9 846Q1493.9 852 1487.9 852L599 852Q593 852 593 858L593 1238Q593 1244 587 1244L375 1244Q369 1244 369 1238L369 266Q369 260 375 260L2042.1 260Q2048.1 260 2048.1 254L2048.1 220" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="165" y="507" font-size="11">command.arrived [mustReadAgain]</text></g>
<g class="edge" data-edge="account.active.idle|always|0"><title>always [mustReadAgain]</title><path class="edge-line" d="M1493.9 836L1493.9 846Q1493.9 852 1487.9 852L599 852Q593 852 593 858L593 1238Q593 1244 587 1244L375 1244Q369 1244 369 1238L369 266Q369 260 375 260L2042.1 260Q2048.1 260 2048.1 254L2048.1 220" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="165" y="521" font-size="11">[mustReadAgain]</text></g>
<g class="edge" data-edge="account.active.idle|command.arrived|1"><title>command.arrived [moreIsParked]</title><path class="edge-line" d="M1506.8 836L1506.8 870Q1506.8 876 1500.8 876L715 876Q709 876 709 882L709 1010" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="718" y="951" font-size="11">command.arrived [moreIsParked]</text></g>
<g class="edge" data-edge="account.active.idle|always|1"><title>always [moreIsParked]</title><path class="edge-line" d="M1506.8 836L1506.8 870Q1506.8 876 1500.8 876L715 876Q709 876 709 882L709 1010" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="718" y="965" font-size="11">[moreIsParked]</text></g>
<g class="edge" data-edge="account.active.idle|command.arrived|2"><title>command.arrived [orderIsNext] / answerBalancesAndTakeOrder</title><path class="edge-line" d="M1539 836L1539 1238Q1539 1244 1545 1244L1577.4 1244Q1583.4 1244 1583.4 1238L1583.4 652Q1583.4 646 1589.4 646L1756.8 646Q1762.8 646 1762.8 640L1762.8 606" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1592.4" y="673" font-size="11">command.arrived [orderIsNext]</text></g>
<g class="edge" data-edge="account.active.idle|always|2"><title>always [orderIsNext] / answerBalancesAndTakeOrder</title><path class="edge-line" d="M1539 836L1539 1238Q1539 1244 1545 1244L1577.4 1244Q1583.4 1244 1583.4 1238L1583.4 652Q1583.4 646 1589.4 646L1756.8 646Q1762.8 646 1762.8 640L1762.8 606" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1592.4" y="687" font-size="11">[orderIsNext]</text></g>
<g class="edge" data-edge="account.active.idle|command.arrived|3"><title>command.arrived [factsAreMissing] / answerBalancesAndTakeRun</title><path class="edge-line" d="M1519.7 836L1519.7 894Q1519.7 900 1513.7 900L1233 900Q1227 900 1227 906L1227 1018" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1021" y="951" font-size="11">command.arrived [factsAreMissing]</text></g>
<g class="edge" data-edge="account.active.idle|always|3"><title>always [factsAreMissing] / answerBalancesAndTakeRun</title><path class="edge-line" d="M1519.7 836L1519.7 894Q1519.7 900 1513.7 900L1233 900Q1227 900 1227 906L1227 1018" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1021" y="965" font-size="11">[factsAreMissing]</text></g>
<g class="edge" data-edge="account.active.idle|command.arrived|4"><title>command.arrived [somethingWaits] / answerBalancesAndTakeRun</title><path class="edge-line" d="M1526.1 836L1526.1 906Q1526.1 912 1520.1 912L1513 912Q1507 912 1507 918L1507 1132Q1507 1138 1501 1138L1291 1138Q1285 1138 1285 1144L1285 1154" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1304" y="1034" font-size="11">command.arrived [somethingWaits]</text></g>
<g class="edge" data-edge="account.active.idle|always|4"><title>always [somethingWaits] / answerBalancesAndTakeRun</title><path class="edge-line" d="M1526.1 836L1526.1 906Q1526.1 912 1520.1 912L1513 912Q1507 912 1507 918L1507 1132Q1507 1138 1501 1138L1291 1138Q1285 1138 1285 1144L1285 1154" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1304" y="1048" font-size="11">[somethingWaits]</text></g>
<g class="edge" data-edge="account.active.idle|passivate|0"><title>passivate</title><path class="edge-line" d="M1532.6 836L1532.6 920.7Q1532.6 924 1529.3 924L1529.3 924Q1526 924 1526 927.3L1526 1340Q1526 1346 1532 1346L1859.4 1346Q1865.4 1346 1865.4 1352L1865.4 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1464" y="1304" font-size="11">passivate</text></g>
<g class="edge" data-edge="account.active.takingUp|parked.taken|0"><title>parked.taken / acceptParked, noteParkedTaken</title><path class="edge-line" d="M666 1010L666 992Q666 986 672 986L690 986Q696 986 696 980L696 870Q696 864 702 864L1494.3 864Q1500.3 864 1500.3 858L1500.3 836" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="616" y="958" font-size="11">parked.taken</text></g>
<g class="edge" data-edge="account.active.takingUp|parked.failed|0"><title>parked.failed / noteLoadFailure</title><path class="edge-line" d="M687.5 1058L687.5 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="607.5" y="1304" font-size="11">parked.failed</text></g>
<g class="edge" data-edge="account.active.loading|facts.loaded|0"><title>facts.loaded / noteFacts</title><path class="edge-line" d="M1242 1066L1242 1154" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1166" y="1117" font-size="11">facts.loaded</text></g>
<g class="edge" data-edge="account.active.loading|facts.failed|0"><title>facts.failed / putRunBack, noteLoadFailure</title><path class="edge-line" d="M1212 1066L1212 1084Q1212 1090 1206 1090L1143 1090Q1137 1090 1137 1096L1137 1238Q1137 1244 1131 1244L938 1244Q932 1244 932 1250L932 1340Q932 1346 926 1346L710.1 1346Q704.1 1346 704.1 1352L704.1 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="863" y="1304" font-size="11">facts.failed</text></g>
<g class="edge" data-edge="account.active.committing|change.committed|0"><title>change.committed / noteCommit, settleDecided</title><path class="edge-line" d="M1199 1154L1199 1144Q1199 1138 1193 1138L1004 1138Q998 1138 998 1132L998 894Q998 888 1004 888L1507.2 888Q1513.2 888 1513.2 882L1513.2 836" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="784" y="1013" font-size="11">change.committed</text></g>
<g class="edge" data-edge="account.active.committing|change.leftOut|0"><title>change.leftOut [someCommandEnds] / noteFound, settleFound, putRunBack</title><path class="edge-line" d="M1199 1154L1199 1144Q1199 1138 1193 1138L1004 1138Q998 1138 998 1132L998 894Q998 888 1004 888L1507.2 888Q1513.2 888 1513.2 882L1513.2 836" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="784" y="1027" font-size="11">change.leftOut [someCommandEnds]</text></g>
<g class="edge" data-edge="account.active.committing|change.refused|0"><title>change.refused [isLastRefusal] / noteRefusedEnd, settleRefused</title><path class="edge-line" d="M1199 1154L1199 1144Q1199 1138 1193 1138L1004 1138Q998 1138 998 1132L998 894Q998 888 1004 888L1507.2 888Q1513.2 888 1513.2 882L1513.2 836" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="784" y="1041" font-size="11">change.refused [isLastRefusal]</text></g>
<g class="edge" data-edge="account.active.committing|change.refused|1"><title>change.refused / noteRefusal, noteAlone, putRunBack</title><path class="edge-line" d="M1199 1154L1199 1144Q1199 1138 1193 1138L1004 1138Q998 1138 998 1132L998 894Q998 888 1004 888L1507.2 888Q1513.2 888 1513.2 882L1513.2 836" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="784" y="1055" font-size="11">change.refused</text></g>
<g class="edge" data-edge="account.active.committing|always|0"><title>always [nothingIsDecided] / noteNothingDecided</title><path class="edge-line" d="M1199 1154L1199 1144Q1199 1138 1193 1138L1004 1138Q998 1138 998 1132L998 894Q998 888 1004 888L1507.2 888Q1513.2 888 1513.2 882L1513.2 836" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="784" y="1069" font-size="11">[nothingIsDecided]</text></g>
<g class="edge" data-edge="account.active.committing|change.leftOut|1"><title>change.leftOut / noteAlone, putRunBack, noteSetback: They may stand in the way of each other: one by one from here.</title><path class="edge-line" d="M1199 1202L1199 1250Q1199 1256 1193 1256L1142 1256Q1136 1256 1136 1262L1136 1352Q1136 1358 1130 1358L726.6 1358Q720.6 1358 720.6 1364L720.6 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="949" y="1283" font-size="11">change.leftOut</text></g>
<g class="edge" data-edge="account.active.committing|change.stale|0"><title>change.stale [hadASetback] / putRunBack, noteSetback</title><path class="edge-line" d="M1199 1202L1199 1250Q1199 1256 1193 1256L1142 1256Q1136 1256 1136 1262L1136 1352Q1136 1358 1130 1358L726.6 1358Q720.6 1358 720.6 1364L720.6 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="949" y="1297" font-size="11">change.stale [hadASetback]</text></g>
<g class="edge" data-edge="account.active.committing|change.unknown|0"><title>change.unknown [hadASetback] / putRunBack, noteSetback</title><path class="edge-line" d="M1199 1202L1199 1250Q1199 1256 1193 1256L1142 1256Q1136 1256 1136 1262L1136 1352Q1136 1358 1130 1358L726.6 1358Q720.6 1358 720.6 1364L720.6 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="949" y="1311" font-size="11">change.unknown [hadASetback]</text></g>
<g class="edge" data-edge="account.active.committing|change.busy|0"><title>change.busy / putRunBack, noteSetback</title><path class="edge-line" d="M1199 1202L1199 1250Q1199 1256 1193 1256L1142 1256Q1136 1256 1136 1262L1136 1352Q1136 1358 1130 1358L726.6 1358Q720.6 1358 720.6 1364L720.6 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="949" y="1325" font-size="11">change.busy</text></g>
<g class="edge" data-edge="account.active.committing|change.stale|1"><title>change.stale / putRunBack, noteSetback</title><path class="edge-line" d="M1285 1202L1285 1250Q1285 1256 1291 1256L2006.6 1256Q2012.6 1256 2012.6 1250L2012.6 314Q2012.6 308 2018.6 308L2115.3 308Q2121.3 308 2121.3 302L2121.3 220" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1911.6" y="507" font-size="11">change.stale</text></g>
<g class="edge" data-edge="account.active.committing|change.unknown|1"><title>change.unknown / putRunBack, noteSetback</title><path class="edge-line" d="M1285 1202L1285 1250Q1285 1256 1291 1256L2006.6 1256Q2012.6 1256 2012.6 1250L2012.6 314Q2012.6 308 2018.6 308L2115.3 308Q2121.3 308 2121.3 302L2121.3 220" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1911.6" y="521" font-size="11">change.unknown</text></g>
<g class="edge" data-edge="account.active.committing|change.fenced|0"><title>change.fenced / noteFenced</title><path class="edge-line" d="M1242 1202L1242 1352Q1242 1358 1248 1358L1750.8 1358Q1756.8 1358 1756.8 1364L1756.8 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1153" y="1304" font-size="11">change.fenced</text></g>
<g class="edge" data-edge="account.quarantined|passivate|0"><title>passivate</title><path class="edge-line" d="M1888.6 452L1888.6 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1826.6" y="680" font-size="11">passivate</text></g>
<g class="edge" data-edge="account.quarantined|always|0"><title>always [orderIsNext] / answerBalancesAndTakeOrder</title><path class="edge-line" d="M1840.6 452L1840.6 474Q1840.6 480 1834.6 480L1791.6 480Q1785.6 480 1785.6 486L1785.6 539.1Q1785.6 542 1782.7 542L1782.7 542Q1779.8 542 1779.8 544.9L1779.8 558" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1794.6" y="514" font-size="11">[orderIsNext]</text></g>
<g class="edge" data-edge="account.ordering|order.ended|0"><title>order.ended [quarantineHasEnded] / noteOrder, settleOrder: What was parked comes first: look for it.</title><path class="edge-line" d="M1723.3 558L1723.3 548Q1723.3 542 1717.3 542L1552.5 542Q1546.5 542 1546.5 536L1546.5 290Q1546.5 284 1552.5 284L2078.7 284Q2084.7 284 2084.7 278L2084.7 220" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1345.5" y="408" font-size="11">order.ended [quarantineHasEnded]</text></g>
<g class="edge" data-edge="account.ordering|order.stale|1"><title>order.stale / putRunBack, noteSetback</title><path class="edge-line" d="M1723.3 558L1723.3 548Q1723.3 542 1717.3 542L1552.5 542Q1546.5 542 1546.5 536L1546.5 290Q1546.5 284 1552.5 284L2078.7 284Q2084.7 284 2084.7 278L2084.7 220" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1345.5" y="422" font-size="11">order.stale</text></g>
<g class="edge" data-edge="account.ordering|order.ended|1"><title>order.ended [staysQuarantined] / noteOrder, settleOrder</title><path class="edge-line" d="M1751.5 558L1751.5 474Q1751.5 468 1757.5 468L1786.6 468Q1792.6 468 1792.6 462L1792.6 452" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1569.5" y="514" font-size="11">order.ended [staysQuarantined]</text></g>
<g class="edge" data-edge="account.ordering|order.ended|2"><title>order.ended / noteOrder, settleOrder</title><path class="edge-line" d="M1740.2 606L1740.2 628Q1740.2 634 1734.2 634L1493.4 634Q1487.4 634 1487.4 640L1487.4 724" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1413.4" y="680" font-size="11">order.ended</text></g>
<g class="edge" data-edge="account.ordering|order.stale|0"><title>order.stale [hadASetback] / putRunBack, noteSetback</title><path class="edge-line" d="M1717.6 606L1717.6 616Q1717.6 622 1711.6 622L550 622Q544 622 544 628L544 1340Q544 1346 550 1346L664.9 1346Q670.9 1346 670.9 1352L670.9 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="391" y="972" font-size="11">order.stale [hadASetback]</text></g>
<g class="edge" data-edge="account.ordering|order.busy|0"><title>order.busy / putRunBack, noteSetback</title><path class="edge-line" d="M1717.6 606L1717.6 616Q1717.6 622 1711.6 622L550 622Q544 622 544 628L544 1340Q544 1346 550 1346L664.9 1346Q670.9 1346 670.9 1352L670.9 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="391" y="986" font-size="11">order.busy</text></g>
<g class="edge" data-edge="account.ordering|order.fenced|0"><title>order.fenced / noteFenced</title><path class="edge-line" d="M1785.4 606L1785.4 1386" marker-end="url(#chart-arrow-account)"/><text class="edge-label" x="1708.4" y="979" font-size="11">order.fenced</text></g>
<g class="edge edge-initial"><path class="edge-line" d="M2084.7 142L2084.7 172" marker-end="url(#chart-arrow-account)"/></g>
<g class="edge edge-initial"><path class="edge-line" d="M1516.4 774L1516.4 804" marker-end="url(#chart-arrow-account)"/></g>
</svg>
`,
  states: [
 {
  "id": "account",
  "name": "account",
  "kind": "compound",
  "initial": true,
  "description": null,
  "entry": [],
  "exit": [],
  "invokes": [],
  "transitions": [
   {
    "edge": "account|command.arrived|0",
    "event": "command.arrived",
    "label": "command.arrived",
    "guard": null,
    "targets": [],
    "actions": [],
    "description": "In the mailbox already; looked at when the present work is over."
   },
   {
    "edge": "account|passivate|0",
    "event": "passivate",
    "label": "passivate",
    "guard": null,
    "targets": [],
    "actions": [],
    "description": "Refused: there is work."
   },
   {
    "edge": "account|parked.seen|0",
    "event": "parked.seen",
    "label": "parked.seen",
    "guard": null,
    "targets": [],
    "actions": [
     "noteParkedSeen"
    ],
    "description": null
   },
   {
    "edge": "account|quarantine|0",
    "event": "quarantine",
    "label": "quarantine",
    "guard": null,
    "targets": [],
    "actions": [
     "noteQuarantine"
    ],
    "description": null
   },
   {
    "edge": "account|stop|0",
    "event": "stop",
    "label": "stop",
    "guard": null,
    "targets": [
     "account.stopped"
    ],
    "actions": [
     "noteStop"
    ],
    "description": null
   }
  ],
  "states": [
   {
    "id": "account.hydrating",
    "name": "hydrating",
    "kind": "atomic",
    "initial": true,
    "description": null,
    "entry": [
     "noteReading",
     "hydrate"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "account.hydrating|hydrated|0",
      "event": "hydrated",
      "label": "hydrated",
      "guard": "accountIsUnknown",
      "targets": [
       "account.unknown"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "account.hydrating|hydrated|1",
      "event": "hydrated",
      "label": "hydrated",
      "guard": "accountIsQuarantined",
      "targets": [
       "account.quarantined"
      ],
      "actions": [
       "noteState"
      ],
      "description": null
     },
     {
      "edge": "account.hydrating|hydrated|2",
      "event": "hydrated",
      "label": "hydrated",
      "guard": null,
      "targets": [
       "account.active"
      ],
      "actions": [
       "noteState"
      ],
      "description": null
     },
     {
      "edge": "account.hydrating|hydration.failed|0",
      "event": "hydration.failed",
      "label": "hydration.failed",
      "guard": null,
      "targets": [
       "account.backingOff"
      ],
      "actions": [
       "noteLoadFailure"
      ],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "account.backingOff",
    "name": "backingOff",
    "kind": "atomic",
    "initial": false,
    "description": null,
    "entry": [
     "pause"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "account.backingOff|pause.over|0",
      "event": "pause.over",
      "label": "pause.over",
      "guard": null,
      "targets": [
       "account.hydrating"
      ],
      "actions": [],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "account.unknown",
    "name": "unknown",
    "kind": "atomic",
    "initial": false,
    "description": "Not kept: an account may be created at any time. What came after the question asks again.",
    "entry": [
     "refuseAsUnknown"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "account.unknown|always|0",
      "event": "always",
      "label": "always",
      "guard": "somethingWaits",
      "targets": [
       "account.hydrating"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "account.unknown|always|1",
      "event": "always",
      "label": "always",
      "guard": null,
      "targets": [
       "account.stopped"
      ],
      "actions": [
       "noteUnknown"
      ],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "account.active",
    "name": "active",
    "kind": "compound",
    "initial": false,
    "description": null,
    "entry": [],
    "exit": [],
    "invokes": [],
    "transitions": [],
    "states": [
     {
      "id": "account.active.idle",
      "name": "idle",
      "kind": "atomic",
      "initial": true,
      "description": null,
      "entry": [],
      "exit": [],
      "invokes": [],
      "transitions": [
       {
        "edge": "account.active.idle|command.arrived|0",
        "event": "command.arrived",
        "label": "command.arrived",
        "guard": "mustReadAgain",
        "targets": [
         "account.hydrating"
        ],
        "actions": [],
        "description": null
       },
       {
        "edge": "account.active.idle|command.arrived|1",
        "event": "command.arrived",
        "label": "command.arrived",
        "guard": "moreIsParked",
        "targets": [
         "account.active.takingUp"
        ],
        "actions": [],
        "description": null
       },
       {
        "edge": "account.active.idle|command.arrived|2",
        "event": "command.arrived",
        "label": "command.arrived",
        "guard": "orderIsNext",
        "targets": [
         "account.ordering"
        ],
        "actions": [
         "answerBalancesAndTakeOrder"
        ],
        "description": null
       },
       {
        "edge": "account.active.idle|command.arrived|3",
        "event": "command.arrived",
        "label": "command.arrived",
        "guard": "factsAreMissing",
        "targets": [
         "account.active.loading"
        ],
        "actions": [
         "answerBalancesAndTakeRun"
        ],
        "description": null
       },
       {
        "edge": "account.active.idle|command.arrived|4",
        "event": "command.arrived",
        "label": "command.arrived",
        "guard": "somethingWaits",
        "targets": [
         "account.active.committing"
        ],
        "actions": [
         "answerBalancesAndTakeRun"
        ],
        "description": null
       },
       {
        "edge": "account.active.idle|passivate|0",
        "event": "passivate",
        "label": "passivate",
        "guard": null,
        "targets": [
         "account.stopped"
        ],
        "actions": [],
        "description": null
       },
       {
        "edge": "account.active.idle|always|0",
        "event": "always",
        "label": "always",
        "guard": "mustReadAgain",
        "targets": [
         "account.hydrating"
        ],
        "actions": [],
        "description": null
       },
       {
        "edge": "account.active.idle|always|1",
        "event": "always",
        "label": "always",
        "guard": "moreIsParked",
        "targets": [
         "account.active.takingUp"
        ],
        "actions": [],
        "description": null
       },
       {
        "edge": "account.active.idle|always|2",
        "event": "always",
        "label": "always",
        "guard": "orderIsNext",
        "targets": [
         "account.ordering"
        ],
        "actions": [
         "answerBalancesAndTakeOrder"
        ],
        "description": null
       },
       {
        "edge": "account.active.idle|always|3",
        "event": "always",
        "label": "always",
        "guard": "factsAreMissing",
        "targets": [
         "account.active.loading"
        ],
        "actions": [
         "answerBalancesAndTakeRun"
        ],
        "description": null
       },
       {
        "edge": "account.active.idle|always|4",
        "event": "always",
        "label": "always",
        "guard": "somethingWaits",
        "targets": [
         "account.active.committing"
        ],
        "actions": [
         "answerBalancesAndTakeRun"
        ],
        "description": null
       }
      ],
      "states": []
     },
     {
      "id": "account.active.takingUp",
      "name": "takingUp",
      "kind": "atomic",
      "initial": false,
      "description": null,
      "entry": [
       "takeParked"
      ],
      "exit": [],
      "invokes": [],
      "transitions": [
       {
        "edge": "account.active.takingUp|parked.taken|0",
        "event": "parked.taken",
        "label": "parked.taken",
        "guard": null,
        "targets": [
         "account.active.idle"
        ],
        "actions": [
         "acceptParked",
         "noteParkedTaken"
        ],
        "description": null
       },
       {
        "edge": "account.active.takingUp|parked.failed|0",
        "event": "parked.failed",
        "label": "parked.failed",
        "guard": null,
        "targets": [
         "account.backingOff"
        ],
        "actions": [
         "noteLoadFailure"
        ],
        "description": null
       }
      ],
      "states": []
     },
     {
      "id": "account.active.loading",
      "name": "loading",
      "kind": "atomic",
      "initial": false,
      "description": null,
      "entry": [
       "load"
      ],
      "exit": [],
      "invokes": [],
      "transitions": [
       {
        "edge": "account.active.loading|facts.loaded|0",
        "event": "facts.loaded",
        "label": "facts.loaded",
        "guard": null,
        "targets": [
         "account.active.committing"
        ],
        "actions": [
         "noteFacts"
        ],
        "description": null
       },
       {
        "edge": "account.active.loading|facts.failed|0",
        "event": "facts.failed",
        "label": "facts.failed",
        "guard": null,
        "targets": [
         "account.backingOff"
        ],
        "actions": [
         "putRunBack",
         "noteLoadFailure"
        ],
        "description": null
       }
      ],
      "states": []
     },
     {
      "id": "account.active.committing",
      "name": "committing",
      "kind": "atomic",
      "initial": false,
      "description": null,
      "entry": [
       "decideAndPropose"
      ],
      "exit": [],
      "invokes": [],
      "transitions": [
       {
        "edge": "account.active.committing|change.committed|0",
        "event": "change.committed",
        "label": "change.committed",
        "guard": null,
        "targets": [
         "account.active.idle"
        ],
        "actions": [
         "noteCommit",
         "settleDecided"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|change.leftOut|0",
        "event": "change.leftOut",
        "label": "change.leftOut",
        "guard": "someCommandEnds",
        "targets": [
         "account.active.idle"
        ],
        "actions": [
         "noteFound",
         "settleFound",
         "putRunBack"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|change.leftOut|1",
        "event": "change.leftOut",
        "label": "change.leftOut",
        "guard": null,
        "targets": [
         "account.backingOff"
        ],
        "actions": [
         "noteAlone",
         "putRunBack",
         "noteSetback"
        ],
        "description": "They may stand in the way of each other: one by one from here."
       },
       {
        "edge": "account.active.committing|change.stale|0",
        "event": "change.stale",
        "label": "change.stale",
        "guard": "hadASetback",
        "targets": [
         "account.backingOff"
        ],
        "actions": [
         "putRunBack",
         "noteSetback"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|change.stale|1",
        "event": "change.stale",
        "label": "change.stale",
        "guard": null,
        "targets": [
         "account.hydrating"
        ],
        "actions": [
         "putRunBack",
         "noteSetback"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|change.unknown|0",
        "event": "change.unknown",
        "label": "change.unknown",
        "guard": "hadASetback",
        "targets": [
         "account.backingOff"
        ],
        "actions": [
         "putRunBack",
         "noteSetback"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|change.unknown|1",
        "event": "change.unknown",
        "label": "change.unknown",
        "guard": null,
        "targets": [
         "account.hydrating"
        ],
        "actions": [
         "putRunBack",
         "noteSetback"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|change.busy|0",
        "event": "change.busy",
        "label": "change.busy",
        "guard": null,
        "targets": [
         "account.backingOff"
        ],
        "actions": [
         "putRunBack",
         "noteSetback"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|change.refused|0",
        "event": "change.refused",
        "label": "change.refused",
        "guard": "isLastRefusal",
        "targets": [
         "account.active.idle"
        ],
        "actions": [
         "noteRefusedEnd",
         "settleRefused"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|change.refused|1",
        "event": "change.refused",
        "label": "change.refused",
        "guard": null,
        "targets": [
         "account.active.idle"
        ],
        "actions": [
         "noteRefusal",
         "noteAlone",
         "putRunBack"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|change.fenced|0",
        "event": "change.fenced",
        "label": "change.fenced",
        "guard": null,
        "targets": [
         "account.lost"
        ],
        "actions": [
         "noteFenced"
        ],
        "description": null
       },
       {
        "edge": "account.active.committing|always|0",
        "event": "always",
        "label": "always",
        "guard": "nothingIsDecided",
        "targets": [
         "account.active.idle"
        ],
        "actions": [
         "noteNothingDecided"
        ],
        "description": null
       }
      ],
      "states": []
     }
    ]
   },
   {
    "id": "account.quarantined",
    "name": "quarantined",
    "kind": "atomic",
    "initial": false,
    "description": null,
    "entry": [
     "leaveParked",
     "setAside"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "account.quarantined|command.arrived|0",
      "event": "command.arrived",
      "label": "command.arrived",
      "guard": null,
      "targets": [],
      "actions": [
       "setAside"
      ],
      "description": null
     },
     {
      "edge": "account.quarantined|parked.seen|0",
      "event": "parked.seen",
      "label": "parked.seen",
      "guard": null,
      "targets": [],
      "actions": [],
      "description": "They stay where they are."
     },
     {
      "edge": "account.quarantined|passivate|0",
      "event": "passivate",
      "label": "passivate",
      "guard": null,
      "targets": [
       "account.stopped"
      ],
      "actions": [],
      "description": null
     },
     {
      "edge": "account.quarantined|always|0",
      "event": "always",
      "label": "always",
      "guard": "orderIsNext",
      "targets": [
       "account.ordering"
      ],
      "actions": [
       "answerBalancesAndTakeOrder"
      ],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "account.ordering",
    "name": "ordering",
    "kind": "atomic",
    "initial": false,
    "description": null,
    "entry": [
     "carryOut"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [
     {
      "edge": "account.ordering|order.ended|0",
      "event": "order.ended",
      "label": "order.ended",
      "guard": "quarantineHasEnded",
      "targets": [
       "account.hydrating"
      ],
      "actions": [
       "noteOrder",
       "settleOrder"
      ],
      "description": "What was parked comes first: look for it."
     },
     {
      "edge": "account.ordering|order.ended|1",
      "event": "order.ended",
      "label": "order.ended",
      "guard": "staysQuarantined",
      "targets": [
       "account.quarantined"
      ],
      "actions": [
       "noteOrder",
       "settleOrder"
      ],
      "description": null
     },
     {
      "edge": "account.ordering|order.ended|2",
      "event": "order.ended",
      "label": "order.ended",
      "guard": null,
      "targets": [
       "account.active"
      ],
      "actions": [
       "noteOrder",
       "settleOrder"
      ],
      "description": null
     },
     {
      "edge": "account.ordering|order.stale|0",
      "event": "order.stale",
      "label": "order.stale",
      "guard": "hadASetback",
      "targets": [
       "account.backingOff"
      ],
      "actions": [
       "putRunBack",
       "noteSetback"
      ],
      "description": null
     },
     {
      "edge": "account.ordering|order.stale|1",
      "event": "order.stale",
      "label": "order.stale",
      "guard": null,
      "targets": [
       "account.hydrating"
      ],
      "actions": [
       "putRunBack",
       "noteSetback"
      ],
      "description": null
     },
     {
      "edge": "account.ordering|order.busy|0",
      "event": "order.busy",
      "label": "order.busy",
      "guard": null,
      "targets": [
       "account.backingOff"
      ],
      "actions": [
       "putRunBack",
       "noteSetback"
      ],
      "description": null
     },
     {
      "edge": "account.ordering|order.fenced|0",
      "event": "order.fenced",
      "label": "order.fenced",
      "guard": null,
      "targets": [
       "account.lost"
      ],
      "actions": [
       "noteFenced"
      ],
      "description": null
     }
    ],
    "states": []
   },
   {
    "id": "account.stopped",
    "name": "stopped",
    "kind": "final",
    "initial": false,
    "description": null,
    "entry": [
     "end"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [],
    "states": []
   },
   {
    "id": "account.lost",
    "name": "lost",
    "kind": "final",
    "initial": false,
    "description": null,
    "entry": [
     "end"
    ],
    "exit": [],
    "invokes": [],
    "transitions": [],
    "states": []
   }
  ]
 }
],
};
