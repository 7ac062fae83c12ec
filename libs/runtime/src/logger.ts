import pino, { type Logger } from 'pino';
import { TurnDestination } from './turn-destination.js';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * JSON lines on stdout, written synchronously so that the last line before a crash is not lost. When stdout cannot take a
 * line (a full disk), the line is dropped and the process goes on: a log must never stop the data path. `by turn` is for who
 * logs thousands of lines a second: see `TurnDestination`.
 */
export function createLogger(name: string, level: LogLevel, lines: 'each' | 'by turn' = 'each'): Logger {
  const destination = lines === 'each' ? singleLines() : new TurnDestination();
  return pino(
    {
      name,
      level,
      base: { scope: name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

function singleLines(): pino.DestinationStream {
  const destination = pino.destination({ fd: 1, sync: true });
  destination.on('error', () => undefined);
  return destination;
}
