import type { LogLevel } from '@weft/runtime';
import { textValue } from './log-line.js';

const PLAIN_JSON = /^[\w.:/@%+,[\] -]*$/;

/**
 * A log for many lines of one form: the caller renders fields itself and may keep what is rendered. The lines are those
 * that the other scopes write.
 */
export class LineLog {
  level: LogLevel | 'silent' = 'info';
  #timeMs = 0;
  #time = '';

  constructor(
    private readonly scope: string,
    private readonly format: 'text' | 'json',
    private readonly write: (line: string) => void,
    private readonly rank: (level: LogLevel | 'silent') => number,
  ) {}

  enabled(level: LogLevel): boolean {
    return this.rank(level) >= this.rank(this.level);
  }

  /** One field, to be joined with others in any order. Nothing for an empty text. */
  field(key: string, value: string | number): string {
    if (value === '') return '';
    if (this.format === 'text') return ` ${key}=${typeof value === 'number' ? String(value) : textValue(value)}`;
    if (typeof value === 'number') return `"${key}":${value},`;
    return PLAIN_JSON.test(value) ? `"${key}":"${value}",` : `"${key}":${JSON.stringify(value)},`;
  }

  #now(): string {
    const now = Date.now();
    if (now !== this.#timeMs) {
      this.#timeMs = now;
      this.#time = new Date(now).toISOString();
    }
    return this.#time;
  }

  /** `fields` as `field` made them. */
  line(level: LogLevel, fields: string, message: string): void {
    if (!this.enabled(level)) return;
    const time = this.#now();
    if (this.format === 'text') {
      this.write(`${time}\t${level}\t${this.scope}\t${message}${fields === '' ? '' : `\t${fields.slice(1)}`}\n`);
    } else {
      this.write(`{"level":"${level}","time":"${time}","scope":"${this.scope}",${fields}"message":"${message}"}\n`);
    }
  }
}
