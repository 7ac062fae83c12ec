import { readdirSync, readFileSync } from 'node:fs';

/** One row of /proc, of the pid namespace whose /proc we see. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** One letter of proc(5): `R`, `S`, `Z` (a zombie), ... */
  readonly state: string;
  /** Clock ticks since boot; with the pid it names a process for good. */
  readonly startTime: number;
}

/** Null when there is no such process. */
export function readProcess(pid: number): ProcessEntry | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The program name stands in parentheses and may hold anything; the fields we want come after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent = ''] = fields;
  return { pid, state, parent: Number(parent), startTime: Number(fields[19]) };
}

/** Direct children that are not zombies, oldest first. */
export function childrenOf(parent: number): readonly ProcessEntry[] {
  return listProcesses()
    .filter((entry) => entry.parent === parent && entry.state !== 'Z')
    .sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
}

export function listProcesses(): readonly ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((entry) => entry !== null);
}

/** The arguments, each ended by a zero byte; empty for a zombie or when there is no such process. */
export function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Sends a signal; false when there is no such process (any more). */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
