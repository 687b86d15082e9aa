/** Bounds of decoding. The processor's `LIMITS` take these over. */
export interface DecodeLimits {
  /** A larger body is refused unread. The Go API's messages are about 450 bytes. */
  readonly bodyBytesMax: number;
  /** Nesting of objects and arrays; the message itself is level 1. */
  readonly bodyDepthMax: number;
  /** Issues reported per refusal. */
  readonly refusalIssuesMax: number;
}

export const DECODE_LIMITS: DecodeLimits = Object.freeze({
  bodyBytesMax: 1024 * 1024,
  bodyDepthMax: 32,
  refusalIssuesMax: 20,
});
