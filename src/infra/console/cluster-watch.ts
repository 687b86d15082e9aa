import type pg from 'pg';
import type {
  ClusterPoint,
  ClusterState,
  HealthItem,
  NodeFigures,
  NodeRow,
  NodeSample,
  ShardCell,
} from '../../contracts/console.ts';
import { LIMITS } from '../../limits.ts';
import type { Clock } from '../../ports/runtime.ts';
import { clusterOverview, type ClusterOverview } from '../overview/overview.ts';
import { checkSomeBalances } from '../postgres/balance-check.ts';
import { readDirectoryView } from '../postgres/cluster-view.ts';
import { readWaiting } from '../postgres/waiting-view.ts';
import type { BoardView, FigureBoard } from '../redis/figure-board.ts';
import { within } from '../within.ts';
import { healthOf } from './health.ts';
import { Latest } from './latest.ts';
import { clusterPoints } from './points.ts';

/** What this node knows of itself, whatever is away. */
export interface OwnFigures {
  readonly latest: NodeFigures | null;
  /** Newest first. */
  readonly past: readonly NodeSample[];
  noteWatched(): void;
}

export interface ClusterWatchOptions {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly pool: pg.Pool;
  readonly board: FigureBoard;
  readonly own: OwnFigures;
  readonly clock: Clock;
}

export interface ClusterLook {
  readonly state: ClusterState;
  readonly shards: readonly ShardCell[];
  /** Oldest first. */
  readonly points: readonly ClusterPoint[];
}

/** How long a look waits for answers; what comes later is in the next one. */
const PATIENCE_MS = 900;
const NAMED_MAX = 8;
/** Seconds that are read again with each look. */
const SECONDS_AGAIN = 6;

/**
 * Looks at the whole cluster: the directory and what waits in PostgreSQL, records, leases and figures in Redis, and what this
 * node knows of itself. Asks nothing by itself: each look does.
 *
 * W1. A server that is away costs the parts it would have told. The last answer is shown with the trouble beside it.
 */
export class ClusterWatch {
  readonly #options: ClusterWatchOptions;
  readonly #directory: Latest<Awaited<ReturnType<typeof readDirectoryView>>>;
  readonly #board: Latest<BoardView>;
  readonly #waiting: Latest<Awaited<ReturnType<typeof readWaiting>>>;
  readonly #check: Latest<void>;
  readonly #points = new Map<number, ClusterPoint>();
  #checked = { checked: 0, wrong: [] as readonly string[] };

  constructor(options: ClusterWatchOptions) {
    const { pool, board, clock } = options;
    this.#options = options;
    const tickMs = LIMITS.consoleTickMs / 2;
    this.#directory = new Latest(() => readDirectoryView(pool), tickMs, clock);
    this.#board = new Latest(() => this.#readBoard(board), tickMs, clock);
    this.#waiting = new Latest(() => readWaiting(pool), 2 * LIMITS.consoleTickMs, clock);
    this.#check = new Latest(() => this.#checkBalances(), LIMITS.consoleCheckMs, clock);
  }

  /** Never rejects. */
  async look(): Promise<ClusterLook> {
    this.#options.own.noteWatched();
    const questions = [this.#directory, this.#board, this.#waiting, this.#check];
    await within(PATIENCE_MS, () => Promise.all(questions.map((question) => question.refresh())));
    const figures = this.#figures();
    const overview = this.#overview();
    const nodes = this.#nodes(overview, figures);
    const points = this.#notePoints();
    const health = this.#health(nodes, overview, points);
    return {
      state: this.#state({ nodes, overview, figures, health }),
      shards: shardCells(this.#directory.value?.shards ?? [], overview, figures),
      points,
    };
  }

  async #readBoard(board: FigureBoard): Promise<BoardView> {
    await board.watch();
    return board.read(this.#secondsWanted());
  }

  /** All there is for the first look, and after a while without one; else the last seconds. */
  #secondsWanted(): number {
    const { clock } = this.#options;
    const lastSecond = Math.max(0, ...this.#points.keys());
    const missed = Math.ceil(clock.now() / 1_000) - lastSecond + SECONDS_AGAIN;
    return Math.min(missed, LIMITS.figureSecondsMax);
  }

  /** The newest seconds are reckoned again: a node may have told its part of them late. */
  #notePoints(): readonly ClusterPoint[] {
    const wanted = this.#secondsWanted();
    const oldest = Math.floor(this.#options.clock.now() / 1_000) - wanted;
    for (const point of clusterPoints(this.#samples(wanted)))
      if (point.second > oldest) this.#points.set(point.second, point);
    const points = [...this.#points.values()].sort((a, b) => a.second - b.second);
    for (const { second } of points.slice(0, -LIMITS.figureSecondsMax)) this.#points.delete(second);
    return points.slice(-LIMITS.figureSecondsMax);
  }

  async #checkBalances(): Promise<void> {
    const { checked, wrong } = await checkSomeBalances(this.#options.pool);
    this.#checked = {
      checked: this.#checked.checked + checked,
      wrong: [...new Set([...this.#checked.wrong, ...wrong])].slice(0, NAMED_MAX),
    };
  }

  #overview(): ClusterOverview | null {
    const directory = this.#directory.value;
    if (directory === null) return null;
    const board = this.#board.trouble === null ? this.#board.value : null;
    return clusterOverview(
      directory,
      board === null
        ? { kind: 'away', detail: this.#board.trouble ?? 'it was not asked yet' }
        : { kind: 'known', view: board.membership },
    );
  }

  /** Of the nodes that told something within the last seconds; ours is the one in memory. */
  #figures(): readonly NodeFigures[] {
    const { own, incarnation } = this.#options;
    const others = this.#board.trouble === null ? (this.#board.value?.figures ?? []) : [];
    return [
      ...(own.latest === null ? [] : [own.latest]),
      ...others.filter((figures) => figures.incarnation !== incarnation),
    ];
  }

  #samples(wanted: number): readonly (readonly NodeSample[])[] {
    const { own, incarnation } = this.#options;
    const others = [...(this.#board.value?.samples ?? [])].flatMap(([id, samples]) =>
      id === incarnation ? [] : [samples],
    );
    return [own.past.slice(0, wanted), ...others];
  }

  #nodes(overview: ClusterOverview | null, figures: readonly NodeFigures[]): readonly NodeRow[] {
    const ages = this.#board.value?.heartbeatAgeMs;
    const known = new Map(figures.map((one) => [one.incarnation, one]));
    const rows = (overview?.nodes ?? []).map(
      ({ nodeId, incarnation, state, address, shards, ingest }): NodeRow => {
        const one = known.get(incarnation);
        known.delete(incarnation);
        // We are here, whatever Redis could say.
        const isOurs = incarnation === this.#options.incarnation;
        return {
          ...{ nodeId, incarnation, address, shards, reads: ingest },
          state: isOurs && state === 'unknown' ? 'working' : state,
          heartbeatAgeMs: this.#board.trouble === null ? (ages?.get(incarnation) ?? null) : null,
          ...figuresOf(one),
        };
      },
    );
    const others = [...known.values()]
      .filter(({ incarnation }) => overview === null || incarnation === this.#options.incarnation)
      .map((one): NodeRow => ({
        ...{ nodeId: one.nodeId, incarnation: one.incarnation, address: null, shards: 0, reads: [] },
        state: one.incarnation === this.#options.incarnation ? 'working' : 'unknown',
        heartbeatAgeMs: null,
        ...figuresOf(one),
      }));
    return [...rows, ...others].sort((a, b) => a.nodeId.localeCompare(b.nodeId));
  }

  #health(
    nodes: readonly NodeRow[],
    overview: ClusterOverview | null,
    points: readonly ClusterPoint[],
  ): readonly HealthItem[] {
    return healthOf({
      nodes,
      overview,
      ledgerTrouble: this.#directory.trouble,
      waiting: this.#waiting.value,
      lastPoint: points.at(-1) ?? null,
      check: this.#checked,
    });
  }

  #troubles(): readonly string[] {
    const ledger = this.#directory.trouble ?? this.#waiting.trouble ?? this.#check.trouble;
    const redis = this.#board.trouble;
    return [
      ...(ledger === null
        ? []
        : [`PostgreSQL does not answer the console (${ledger}): shards and lists are as they were.`]),
      ...(redis === null
        ? []
        : [`Redis does not answer the console (${redis}): only the figures of this node are shown.`]),
    ];
  }

  #state(found: {
    readonly nodes: readonly NodeRow[];
    readonly overview: ClusterOverview | null;
    readonly figures: readonly NodeFigures[];
    readonly health: readonly HealthItem[];
  }): ClusterState {
    const { nodes, overview, figures, health } = found;
    const pause = overview?.intakePause ?? null;
    return {
      at: new Date(this.#options.clock.now()).toISOString(),
      servedBy: this.#options.nodeId,
      troubles: this.#troubles(),
      paused: pause === null ? null : { operator: pause.operator, why: pause.why },
      health,
      nodes,
      accounts: accountsOf(figures),
      waiting: this.#waiting.value,
    };
  }
}

function figuresOf(one: NodeFigures | undefined): Pick<NodeRow, 'figures' | 'decidedPerSecond'> {
  if (one === undefined) return { figures: null, decidedPerSecond: null };
  const { sample } = one;
  return {
    figures: { ...one, survey: null },
    decidedPerSecond: Math.round((sample.approved + sample.rejected) * 10) / 10,
  };
}

function accountsOf(figures: readonly NodeFigures[]): ClusterState['accounts'] {
  const states: Record<string, number> = {};
  for (const { survey } of figures)
    for (const [at, count] of Object.entries(survey?.states ?? {})) states[at] = (states[at] ?? 0) + count;
  const named = (list: 'hot' | 'stuck', measure: 'unanswered' | 'ageMs'): ClusterState['accounts']['hot'] =>
    figures
      .flatMap(({ nodeId, survey }) => (survey?.[list] ?? []).map((note) => ({ ...note, nodeId })))
      .sort((a, b) => b[measure] - a[measure])
      .slice(0, NAMED_MAX);
  return {
    active: figures.reduce((sum, { accounts }) => sum + accounts, 0),
    states,
    hot: named('hot', 'unanswered'),
    stuck: named('stuck', 'ageMs'),
  };
}

function shardCells(
  shards: Awaited<ReturnType<typeof readDirectoryView>>['shards'],
  overview: ClusterOverview | null,
  figures: readonly NodeFigures[],
): readonly ShardCell[] {
  const moving = new Set(overview?.misfits.flatMap((misfit) => misfit.shards));
  const accounts = new Map(
    figures.map(({ incarnation, survey }) => [incarnation, survey === null ? null : new Map(survey.byShard)]),
  );
  return shards.map(({ shard, owner, epoch, since }) => {
    const ofOwner = owner === null ? null : (accounts.get(owner.incarnation) ?? null);
    return {
      shard,
      owner: owner?.nodeId ?? null,
      epoch: epoch.toString(),
      since,
      moving: moving.has(shard),
      accounts: ofOwner === null ? null : (ofOwner.get(shard) ?? 0),
    };
  });
}
