import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * JSON lines on stdout, written synchronously so that the last line before a crash is not lost. When stdout cannot take a
 * line (a full disk), the line is dropped and the process goes on: a log must never stop the data path.
 */
export function createLogger(name: string, level: LogLevel): Logger {
  const destination = pino.destination({ fd: 1, sync: true });
  destination.on('error', () => undefined);
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
