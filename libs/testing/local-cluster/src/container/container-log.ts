import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '@weft/result';
import { LogLineReader, type LogLine } from './log-line.js';

const MAX_LINE_BYTES = 16 * 1024;

/**
 * The log of one container: lines of both streams with their time, in the format of container runtimes
 * (`<RFC 3339> stdout|stderr F|P <text>`), in one file and one older file.
 *
 * Writing never fails towards the container: lines that the disk does not take are counted and dropped, followers get them
 * nevertheless, and a line says how many are missing as soon as the disk takes lines again.
 */
export class ContainerLog {
  readonly #followers = new Set<(line: LogLine) => void>();
  readonly #closers: (() => void)[] = [];
  #fd: number | null = null;
  #size = 0;
  #dropped = 0;
  #closed = false;

  constructor(
    readonly path: string,
    private readonly maxBytes: number,
    private readonly clock: Clock,
  ) {}

  /** Lines that no disk space was found for, since the last one that was written. */
  get dropped(): number {
    return this.#dropped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Reads a stream of the container to its end. */
  attach(stream: Readable, name: 'stdout' | 'stderr'): Promise<void> {
    const partial: Buffer[] = [];
    let partialBytes = 0;
    const flush = (full: boolean): void => {
      if (partialBytes === 0 && !full) return;
      this.#append(name, full, Buffer.concat(partial).toString('utf8'));
      partial.length = 0;
      partialBytes = 0;
    };
    stream.on('data', (chunk: Buffer) => {
      let start = 0;
      for (;;) {
        const newline = chunk.indexOf(10, start);
        const end = newline < 0 ? chunk.length : newline;
        for (let at = start; at < end;) {
          const piece = chunk.subarray(at, Math.min(end, at + MAX_LINE_BYTES - partialBytes));
          partial.push(piece);
          partialBytes += piece.length;
          at += piece.length;
          if (partialBytes >= MAX_LINE_BYTES) flush(false);
        }
        if (newline < 0) return;
        flush(true);
        start = newline + 1;
      }
    });
    return new Promise((resolve) => {
      const finish = (): void => {
        flush(partialBytes > 0);
        resolve();
      };
      stream.once('close', finish);
      stream.on('error', () => stream.destroy());
    });
  }

  /** What the files hold now, oldest first. */
  read(): readonly LogLine[] {
    const lines: LogLine[] = [];
    for (const path of [`${this.path}.1`, this.path]) {
      if (existsSync(path)) lines.push(...new LogLineReader().push(readFileSync(path, 'utf8')));
    }
    return lines;
  }

  /** Calls back for each later line until the returned function is called. */
  follow(onLine: (line: LogLine) => void): () => void {
    this.#followers.add(onLine);
    return () => this.#followers.delete(onLine);
  }

  /** Calls back when the container's last line is written; at once when that was earlier. */
  onClose(callback: () => void): void {
    if (this.#closed) callback();
    else this.#closers.push(callback);
  }

  close(): void {
    this.#closed = true;
    for (const closer of this.#closers.splice(0)) closer();
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #append(stream: 'stdout' | 'stderr', full: boolean, text: string): void {
    if (this.#closed) return;
    const line: LogLine = { time: new Date(this.clock.now()).toISOString(), stream, full, text };
    for (const follower of this.#followers) follower(line);
    if (this.#dropped > 0) {
      const note = { ...line, full: true, text: `[${this.#dropped} lines were lost: the disk of the log was full]` };
      if (!this.#write(note)) {
        this.#dropped++;
        return;
      }
      this.#dropped = 0;
    }
    if (!this.#write(line)) this.#dropped++;
  }

  #write({ time, stream, full, text }: LogLine): boolean {
    const bytes = Buffer.from(`${time} ${stream} ${full ? 'F' : 'P'} ${text}\n`);
    try {
      if (this.#size + bytes.length > this.maxBytes && this.#size > 0) this.#rotate();
      this.#fd ??= this.#open();
      // A partly written line would run into the next one: end it first.
      const written = writeSync(this.#fd, bytes);
      this.#size += written;
      if (written === bytes.length) return true;
      this.#endTornLine();
      return false;
    } catch {
      return false;
    }
  }

  #endTornLine(): void {
    try {
      this.#size += writeSync(this.#fd!, '\n');
    } catch {
      // The disk is still full; a reader skips the line that it cannot parse.
    }
  }

  #open(): number {
    mkdirSync(dirname(this.path), { recursive: true });
    const fd = openSync(this.path, 'a', 0o640);
    this.#size = fstatSync(fd).size;
    return fd;
  }

  #rotate(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
    renameSync(this.path, `${this.path}.1`);
    this.#size = 0;
  }
}
