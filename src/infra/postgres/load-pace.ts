import { LIMITS } from '../../limits.ts';

/**
 * Says when the queries of one loader go out: with the present turn while they are small; after a large one no sooner than
 * `loaderGatherMs` after that one began, together with what comes meanwhile, since each query has a price.
 */
export class LoadPace {
  #lastCount = 0;
  #lastBeganAtMs = -Infinity;

  /** `batchScheduleFn` of a loader. */
  readonly schedule = (dispatch: () => void): void => {
    const restMs =
      this.#lastCount < LIMITS.loaderLargeCount
        ? 0
        : this.#lastBeganAtMs + LIMITS.loaderGatherMs - performance.now();
    // At the soonest after the turn's I/O, so that deliveries read from one socket buffer share a query.
    if (restMs <= 0) setImmediate(dispatch);
    else setTimeout(dispatch, restMs);
  };

  /** A query for so many ids begins. */
  began(count: number): void {
    this.#lastCount = count;
    this.#lastBeganAtMs = performance.now();
  }
}
