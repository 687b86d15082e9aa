export interface Violation {
  /** As numbered in the design: 1 nothing lost … 6 it keeps going; `cache`: what the Go API shows. */
  readonly promise: 1 | 2 | 3 | 4 | 5 | 6 | 'cache';
  readonly detail: string;
}
