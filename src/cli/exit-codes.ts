/** What the `paygate` commands answer to the shell. */
export const EXIT = {
  ok: 0,
  /** The command ran and what it looked for is not right: audit failed, transaction or account unknown. */
  finding: 1,
  /** Wrong usage or settings. Nothing was done. */
  usage: 2,
  /** A server could not be reached or refused us. */
  unavailable: 3,
  /** Ended by a signal before it was done. */
  interrupted: 130,
} as const;

/** An error for the person at the terminal: printed without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.usage, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
