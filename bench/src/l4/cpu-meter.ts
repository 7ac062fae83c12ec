import { readdirSync, readFileSync } from 'node:fs';

/** Reads files of /proc; tests give their own. */
export interface ProcFiles {
  list(path: string): readonly string[];
  read(path: string): string;
}

const procFiles: ProcFiles = {
  list: (path) => readdirSync(path),
  read: (path) => readFileSync(path, 'utf8'),
};

const TICKS_PER_SECOND = 100;

/** A process by its id, or one thread as `<pid>/task/<tid>`. */
export type CpuSource = number | string;

/**
 * CPU seconds that the sources have used so far. To the nanosecond where the kernel keeps schedstat, else to the tick
 * (10 ms). Threads that ended are not in it: take differences only, over spans in which the threads stay.
 */
export function cpuSeconds(sources: readonly CpuSource[], files: ProcFiles = procFiles): number {
  let seconds = 0;
  for (const source of sources) {
    const threads = typeof source === 'string' ? [source] : tasks(files, source).map((tid) => `${source}/task/${tid}`);
    for (const thread of threads) seconds += threadSeconds(thread, files);
  }
  return seconds;
}

/** The process and all its descendants. */
export function processTree(pid: number, files: ProcFiles = procFiles): readonly number[] {
  const children = tasks(files, pid).flatMap((tid) =>
    (attempt(() => files.read(`/proc/${pid}/task/${tid}/children`)) ?? '').split(' ').filter((text) => text !== ''),
  );
  return [pid, ...children.flatMap((child) => processTree(Number(child), files))];
}

/** Threads of the processes with that name (of which the kernel keeps 15 characters), as `<pid>/task/<tid>`. */
export function threadsNamed(pids: readonly number[], name: string, files: ProcFiles = procFiles): readonly string[] {
  const threads = pids.flatMap((pid) => tasks(files, pid).map((tid) => `${pid}/task/${tid}`));
  return threads.filter((thread) => attempt(() => files.read(`/proc/${thread}/comm`))?.trim() === name.slice(0, 15));
}

/** Resident memory of the processes, MiB. Pages that they share are counted once, as far as one of them alone shows. */
export function residentMiB(pids: readonly number[], files: ProcFiles = procFiles): number {
  let own = 0;
  let shared = 0;
  for (const pid of pids) {
    const rollup = attempt(() => files.read(`/proc/${pid}/smaps_rollup`)) ?? '';
    const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
    const alone = kib('Private_Clean') + kib('Private_Dirty');
    own += alone;
    shared = Math.max(shared, kib('Rss') - alone);
  }
  return (own + shared) / 1024;
}

function tasks(files: ProcFiles, pid: number): readonly string[] {
  return attempt(() => files.list(`/proc/${pid}/task`)) ?? [];
}

function threadSeconds(thread: string, files: ProcFiles): number {
  const schedstat = attempt(() => files.read(`/proc/${thread}/schedstat`));
  if (schedstat !== null) return Number(schedstat.split(' ')[0]) / 1e9;
  const stat = attempt(() => files.read(`/proc/${thread}/stat`)) ?? '';
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

/** Null when the process or thread is gone. */
function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
