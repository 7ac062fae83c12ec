import { ok, type Result } from '@weft/result';
import type { ConfigProblem, Logger } from '@weft/runtime';
import pino from 'pino';
import { formatLogFilter, parseLogFilter, type LogFilter } from './log-filter.js';
import { textLogLine } from './log-line.js';

export interface LogScopesOptions {
  readonly format: 'text' | 'json';
  readonly filter: LogFilter;
  /** Takes whole lines. */
  readonly write?: (line: string) => void;
}

/** The loggers of the process by scope, with levels that can be changed while it runs. */
export class LogScopes {
  readonly #loggers = new Map<string, Logger>();
  #filter: LogFilter;
  readonly #stream: { write(line: string): void };

  constructor(private readonly options: LogScopesOptions) {
    this.#filter = options.filter;
    const write = options.write ?? stdout();
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
  }

  #levelOf(name: string): string {
    return this.#filter.scopes.get(name) ?? this.#filter.level;
  }
}

/** Synchronous, so that the last line before a crash is not lost; a full disk drops lines and stops nothing. */
function stdout(): (line: string) => void {
  const destination = pino.destination({ fd: 1, sync: true });
  destination.on('error', () => undefined);
  return (line) => {
    try {
      destination.write(line);
    } catch {
      // As above: a log must never stop the data path.
    }
  };
}
