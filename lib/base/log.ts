import type { Clock } from './clock.ts';
import { redact } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** One structured line an event. Names of fields carry their unit (`elapsedMs`, `bytes`). */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log whose every line carries these fields as well. */
  with(fields: LogFields): Log;
}

const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** JSON lines into `write`, one call a line (newline included). */
export function jsonLog(options: {
  readonly clock: Clock;
  readonly write: (line: string) => void;
  readonly level?: LogLevel;
  readonly fields?: LogFields;
}): Log {
  const { clock, write, level = 'info', fields = {} } = options;
  const at =
    (lineLevel: LogLevel) =>
    (event: string, more: LogFields = {}): void => {
      if (order.indexOf(lineLevel) < order.indexOf(level)) return;
      const line = { at: clock.now().toISOString(), level: lineLevel, event, ...fields, ...more };
      write(`${redact(JSON.stringify(line))}\n`);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (more) => jsonLog({ ...options, fields: { ...fields, ...more } }),
  };
}

/** Says nothing; for tests and for library use. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silentLog };
