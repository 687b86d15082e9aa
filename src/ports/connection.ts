/** Health of a connection to a server, for readiness and metrics. `blocked`: up, but the server takes no publications. */
export type LinkState = 'connecting' | 'up' | 'blocked' | 'down';

/** What the statechart of a connection asks of the adapter that holds the sockets. None of these may throw, `open` may reject. */
export interface ConnectionEffects {
  /** Opens everything that makes up this generation. `signal` aborts when the generation is given up meanwhile. */
  open(generation: number, signal: AbortSignal): Promise<void>;
  /** Lets go of whatever is left of a generation. Called once for every generation that was opened or tried. */
  tearDown(generation: number): void;
  /** Told why a generation ended or did not come up; `failures` counts since the connection was last stable. */
  failed(generation: number, failures: number, reason: Error): void;
  cameUp(generation: number): void;
  /** Milliseconds to wait after this many failures in a row (1 or more). */
  backoffMs(failures: number): number;
}

/** The running statechart of one connection. Reports about a generation that is gone change nothing. */
export interface ConnectionChart {
  state(): LinkState;
  lost(generation: number, reason: Error): void;
  blocked(generation: number): void;
  unblocked(generation: number): void;
  /** For good. Tears the present generation down. */
  close(): void;
}

/** Starts the statechart; handed to the adapters by the composition root, so that they do not import machines. */
export type StartConnection = (effects: ConnectionEffects) => ConnectionChart;
