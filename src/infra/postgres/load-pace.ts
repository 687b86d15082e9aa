import { gatherRestMs, NO_PORTION } from '../../domain/gather-rest.ts';
import { LIMITS } from '../../limits.ts';

const GATHERING = { growthMs: LIMITS.loaderGatherGrowthMs, mostMs: LIMITS.loaderGatherMsMax };

/**
 * Says when the queries of one loader go out: with the present turn where there is little to read; the larger the last one was, the
 * longer what comes after it began is read together, since each query has a price.
 */
export class LoadPace {
  #last = NO_PORTION;

  /** `batchScheduleFn` of a loader. */
  readonly schedule = (dispatch: () => void): void => {
    const restMs = gatherRestMs(this.#last, GATHERING, performance.now());
    // At the soonest after the turn's I/O, so that deliveries read from one socket buffer share a query.
    if (restMs <= 0) setImmediate(dispatch);
    else setTimeout(dispatch, restMs);
  };

  /** A query for so many ids begins. */
  began(count: number): void {
    this.#last = { count, atMs: performance.now() };
  }
}
