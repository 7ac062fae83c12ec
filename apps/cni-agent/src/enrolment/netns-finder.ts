import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { closeDescriptor, inNetns, openNetns, sameNetns, netnsIdentity } from '@weft/linux';
import { parseIp } from '@weft/ip';

/**
 * Finds the network namespace of a running pod. A namespace counts only if one of its interfaces holds one of the pod's
 * addresses, whatever path led to it: a stale path must never hand one pod's traffic to another.
 */
export class NetnsFinder {
  constructor(
    /** Where the host's `/proc` and `/var/run/netns` are seen: `/host`, or empty when they are not mounted elsewhere. */
    private readonly hostPrefix: string,
    private readonly ownNetnsPath = '/proc/self/ns/net',
  ) {}

  /** An open descriptor that the caller owns, or null. */
  find(podUid: string, ips: readonly string[]): number | null {
    for (const path of [...this.#named(), ...this.#ofProcesses(podUid)]) {
      const fd = this.openIfHolds(path, ips);
      if (fd !== null) return fd;
    }
    return null;
  }

  /** Opens one path, with and without the host prefix; null if it is not the namespace that holds these addresses. */
  openIfHolds(path: string, ips: readonly string[]): number | null {
    for (const candidate of new Set([join(this.hostPrefix, path), path])) {
      let fd: number;
      try {
        fd = openNetns(candidate);
      } catch {
        continue; // it went away, or it is no namespace
      }
      try {
        if (!this.#isOwn(fd) && holdsAny(fd, ips)) return fd;
      } catch {
        // not a network namespace
      }
      closeDescriptor(fd);
    }
    return null;
  }

  /** True if the path is the network namespace of the descriptor. */
  isSame(path: string, netnsFd: number): boolean {
    for (const candidate of new Set([join(this.hostPrefix, path), path])) {
      try {
        const fd = openNetns(candidate);
        try {
          if (sameNetns(netnsIdentity(fd), netnsIdentity(netnsFd))) return true;
        } finally {
          closeDescriptor(fd);
        }
      } catch {
        // it went away, or it is no namespace
      }
    }
    return false;
  }

  #isOwn(fd: number): boolean {
    const own = openNetns(this.ownNetnsPath);
    try {
      return sameNetns(netnsIdentity(own), netnsIdentity(fd));
    } finally {
      closeDescriptor(own);
    }
  }

  #named(): readonly string[] {
    return ['/var/run/netns', '/run/netns'].flatMap((folder) => {
      try {
        return readdirSync(join(this.hostPrefix, folder)).map((name) => join(folder, name));
      } catch {
        return [];
      }
    });
  }

  /** Namespaces of the processes whose control group names the pod. */
  *#ofProcesses(podUid: string): Generator<string> {
    const forms = [podUid, podUid.replaceAll('-', '_')];
    let pids: readonly string[] = [];
    try {
      pids = readdirSync(join(this.hostPrefix, 'proc')).filter((name) => /^\d+$/.test(name));
    } catch {
      return;
    }
    for (const pid of pids) {
      try {
        const cgroup = readFileSync(join(this.hostPrefix, 'proc', pid, 'cgroup'), 'utf8');
        if (forms.some((form) => cgroup.includes(`pod${form}`))) yield `/proc/${pid}/ns/net`;
      } catch {
        // the process has ended
      }
    }
  }
}

function holdsAny(fd: number, ips: readonly string[]): boolean {
  const wanted = new Set(ips.map((ip) => parseIp(ip)?.text));
  const held = inNetns(fd, () => networkInterfaces());
  return Object.values(held).some((addresses) => addresses?.some(({ address }) => wanted.has(parseIp(address)?.text)));
}
