/** Commits remembered; some 5 MB, and twice that in each question. */
const COMMITS_MAX = 100_000;

/**
 * What a look at a table has seen, by the numbers of its commits: a snapshot, and those that it saw although others before them were
 * under way. The snapshot alone does not say it: what a commit writes under a savepoint has a number of its own, which a snapshot does not
 * list, so that it passes for completed while it is under way.
 *
 * C1. A number from `floor` on that is not among `commits` was not seen, whatever the snapshot says.
 * C2. Memory is bounded: of more than `commitsMax` the lowest are forgotten and the floor rises above them; from then until all that was
 *     under way has ended, rows written under savepoints may be missed, and `hasForgotten` says so.
 */
export class SeenCommits {
  static readonly none = new SeenCommits('', 0, new Set(), false);

  private constructor(
    /** `xmin:xmax:…`, as PostgreSQL writes it. */
    readonly snapshot: string,
    readonly floor: number,
    /** All of them `floor` or higher. */
    readonly commits: ReadonlySet<number>,
    readonly hasForgotten: boolean,
  ) {}

  /** After a look with this snapshot, which found what these commits wrote. */
  after(snapshot: string, found: Iterable<number>, commitsMax = COMMITS_MAX): SeenCommits {
    const xmin = Number(snapshot.split(':')[0]);
    const hasForgotten = this.hasForgotten && xmin < this.floor;
    const floor = hasForgotten ? this.floor : xmin;
    const seen = [...new Set([...this.commits, ...found])].filter((xid) => xid >= floor);
    if (seen.length <= commitsMax) return new SeenCommits(snapshot, floor, new Set(seen), hasForgotten);
    const kept = seen.sort((a, b) => a - b).slice(-commitsMax);
    return new SeenCommits(snapshot, kept[0] ?? xmin, new Set(kept), true);
  }
}
