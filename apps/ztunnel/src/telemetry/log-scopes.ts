import { writeSync } from 'node:fs';
import { ok, type Result } from '@weft/result';
import { TurnDestination, type ConfigProblem, type Logger, type LogLevel } from '@weft/runtime';
import pino from 'pino';
import { LineLog } from './line-log.js';
import { formatLogFilter, parseLogFilter, type LogFilter } from './log-filter.js';
import { textLogLine } from './log-line.js';

export interface LogScopesOptions {
  readonly format: 'text' | 'json';
  readonly filter: LogFilter;
  /** Takes whole lines, one by one. Default: `fd`, where lines of a `LineLog` are gathered. */
  readonly write?: (line: string) => void;
  /** Default: the standard output. */
  readonly fd?: number;
}

/** The loggers of the process by scope, with levels that can be changed while it runs. */
export class LogScopes {
  readonly #loggers = new Map<string, Logger>();
  #filter: LogFilter;
  readonly #lineLogs = new Map<string, LineLog>();
  readonly #stream: { write(line: string): void };
  readonly #writeSoon: (line: string) => void;
  readonly #destination: TurnDestination | null;

  constructor(private readonly options: LogScopesOptions) {
    this.#filter = options.filter;
    const { fd = 1 } = options;
    const destination = options.write === undefined ? new TurnDestination((bytes) => writeSync(fd, bytes)) : null;
    this.#destination = destination;
    this.#writeSoon = options.write ?? ((line) => destination?.write(line));
    const write = (line: string): void => {
      this.#writeSoon(line);
      // At once, so that the last line before a crash is not lost.
      destination?.flush();
    };
    this.#stream = { write: options.format === 'json' ? write : (line) => write(textLogLine(line)) };
  }

  scope(name: string): Logger {
    let logger = this.#loggers.get(name);
    if (logger === undefined) {
      const formatters = { level: (label: string) => ({ level: label }) };
      const fixed = {
        base: { scope: name },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters,
        messageKey: 'message',
      };
      logger = pino({ ...fixed, level: this.#levelOf(name) }, this.#stream);
      this.#loggers.set(name, logger);
    }
    return logger;
  }

  /** For a scope with very many lines. */
  lines(name: string): LineLog {
    let log = this.#lineLogs.get(name);
    if (log === undefined) {
      log = new LineLog(name, this.options.format, this.#writeSoon, rank);
      log.level = this.#levelOf(name);
      this.#lineLogs.set(name, log);
    }
    return log;
  }

  /** Lines that the disk, or who reads them, did not take. */
  get lostLines(): number {
    return this.#destination?.lostLines ?? 0;
  }

  get filter(): string {
    return formatLogFilter(this.#filter);
  }

  /** Adds `info`, `scope=debug,...` to the filter. */
  add(text: string): Result<null, ConfigProblem> {
    const parsed = parseLogFilter(text, this.#filter);
    if (!parsed.ok) return parsed;
    this.#apply(parsed.value);
    return ok(null);
  }

  reset(): void {
    this.#apply(this.options.filter);
  }

  #apply(filter: LogFilter): void {
    this.#filter = filter;
    for (const [name, logger] of this.#loggers) logger.level = this.#levelOf(name);
    for (const [name, log] of this.#lineLogs) log.level = this.#levelOf(name);
  }

  #levelOf(name: string): LogLevel {
    return this.#filter.scopes.get(name) ?? this.#filter.level;
  }
}

function rank(level: LogLevel): number {
  return pino.levels.values[level] ?? Infinity;
}
