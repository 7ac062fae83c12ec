import { readFileSync, statSync } from 'node:fs';
import type { IpAddress } from '@weft/ip';
import { toError, type Clock } from '@weft/result';
import { parseNameservers } from './resolv-conf.js';

const LOOK_EVERY_MS = 1000;

/** The nameservers of a file that may be written or replaced at any time. */
export class Nameservers {
  #servers: readonly IpAddress[] = [];
  #lookedAtMs = -Infinity;
  #version = '';

  constructor(
    private readonly path: string,
    private readonly clock: Clock,
    private readonly log: { warn(fields: object, message: string): void },
  ) {}

  /** In the order of the file; empty if it names none. The last good ones stay in use when it cannot be read. */
  current(): readonly IpAddress[] {
    const now = this.clock.now();
    if (Math.abs(now - this.#lookedAtMs) >= LOOK_EVERY_MS) {
      this.#lookedAtMs = now;
      this.#look();
    }
    return this.#servers;
  }

  #look(): void {
    try {
      const { ino, size, mtimeMs } = statSync(this.path);
      const version = `${ino} ${size} ${mtimeMs}`;
      if (version === this.#version) return;
      this.#servers = parseNameservers(readFileSync(this.path, 'utf8'));
      this.#version = version;
      if (this.#servers.length === 0)
        this.log.warn({ path: this.path }, 'no nameserver is configured; only names of the mesh are answered');
    } catch (cause) {
      if (this.#version === 'unreadable') return;
      this.#version = 'unreadable';
      this.log.warn({ path: this.path, error: toError(cause).message }, 'nameservers cannot be read');
    }
  }
}
