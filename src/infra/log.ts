import type { Writable } from 'node:stream';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Logger as PinoLogger } from 'pino';
import type { LogLevel } from '../contracts/log-levels.ts';
import type { LogFields, Logger } from '../ports/runtime.ts';
import { redact } from './redact.ts';

export interface LogSettings {
  readonly level: LogLevel;
  readonly nodeId: string;
  /** Where the lines go; standard output unless given. */
  readonly destination?: LineSink;
}

export interface LineSink {
  write(line: string): unknown;
}

/** Errors hold their causes; deeper ones say nothing new. */
const CAUSE_DEPTH_MAX = 4;

/** A logger whose level, and that of all its children, can be changed while it is used. */
export interface LeveledLogger extends Logger {
  setLevel(level: LogLevel): void;
}

/** One JSON object a line; for people where standard output is a terminal. Passwords and tokens never get through. */
export function createLogger(settings: LogSettings): LeveledLogger {
  const sink = settings.destination ?? standardOutput();
  const root = pino(
    {
      level: settings.level,
      base: { node: settings.nodeId },
      serializers: { err: (error: unknown) => describe(error, 0) },
    },
    { write: (line: string) => void sink.write(redact(line)) },
  );
  return leveled(root, [root]);
}

/**
 * pino gives a child the level its parent had, for good. So every child is remembered, with its whole family: a node makes a
 * handful when it starts, and none while it works.
 */
function leveled(logger: PinoLogger, family: PinoLogger[]): LeveledLogger {
  return {
    // Through the member of the moment: pino replaces its methods when the level changes.
    error: (fields, message) => logger.error(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    info: (fields, message) => logger.info(fields, message),
    debug: (fields, message) => logger.debug(fields, message),
    isLevelEnabled: (level) => logger.isLevelEnabled(level),
    child: (fields: LogFields) => {
      const child = logger.child(fields);
      family.push(child);
      return leveled(child, family);
    },
    setLevel: (level) => {
      for (const member of family) member.level = level;
    },
  };
}

function standardOutput(): LineSink {
  if (!process.stdout.isTTY) return process.stdout;
  const ignore = 'pid,hostname';
  return asSink(pretty({ colorize: true, translateTime: 'SYS:HH:MM:ss.l', ignore, sync: true }));
}

function asSink(stream: Writable): LineSink {
  return { write: (line) => stream.write(line) };
}

/** What a person needs of an error. Drivers hang whole commands and connections on theirs; those stay out. */
function describe(error: unknown, depth: number): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? error.code : undefined;
  const goesDeeper = cause !== undefined && depth < CAUSE_DEPTH_MAX;
  return {
    type: name,
    message,
    ...(code === undefined ? {} : { code }),
    stack,
    ...(goesDeeper ? { cause: describe(cause, depth + 1) } : {}),
  };
}
