/** When the decisions of a backlog were written; all those of one commit have the same time. Milliseconds. */
export interface DecisionSpan {
  readonly decided: number;
  /** In the first commit. */
  readonly decidedFirst: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface Pace {
  readonly txPerSecond: number;
  readonly seconds: number;
}

/**
 * From the first commit to the last: the transactions of the first one were made before that time began, and do not count. Where one
 * commit took all, the time begins at `startedMs`.
 */
export function paceOf(span: DecisionSpan, startedMs: number): Pace {
  const isOneCommit = span.decided === span.decidedFirst;
  const seconds = (span.lastMs - (isOneCommit ? startedMs : span.firstMs)) / 1_000;
  const counted = isOneCommit ? span.decided : span.decided - span.decidedFirst;
  return { txPerSecond: counted / seconds, seconds };
}
