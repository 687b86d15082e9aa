/** The three servers a processor needs, and what one of them can be told to do. */

export const SERVER_KINDS = ['postgres', 'rabbitmq', 'redis'] as const;
export type ServerKind = (typeof SERVER_KINDS)[number];

/** `orderly`: it is asked to stop and may finish. `killed`: SIGKILL, as in a crash. The data stays in both. */
export type RestartMode = 'orderly' | 'killed';

export interface ServerHandle {
  readonly kind: ServerKind;
  /** Loopback, with user and password; stays the same over restarts. */
  readonly url: string;
  /** Main process, null while it is stopped or where it runs in a container. */
  readonly pid: number | null;
  /** Resolves when it answers connections. A no-op while it runs. */
  start(): Promise<void>;
  /** Resolves when every process of it is gone; its data stays for the next `start`. */
  stop(mode?: RestartMode): Promise<void>;
  restart(mode: RestartMode): Promise<void>;
  /** Freezes all its processes (SIGSTOP): connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** One line for a person about what is going on. */
export type Progress = (line: string) => void;

export class ServerError extends Error {
  override readonly name = 'ServerError';
}
