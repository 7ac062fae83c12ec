import { cpuSeconds, processTree, residentMiB, threadsNamed, type ProcFiles } from './cpu-meter.js';

function proc(files: Readonly<Record<string, string | readonly string[]>>): ProcFiles {
  const get = (path: string): string | readonly string[] => {
    const found = files[path];
    if (found === undefined) throw new Error(`ENOENT ${path}`);
    return found;
  };
  return { list: (path) => get(path) as readonly string[], read: (path) => get(path) as string };
}

it('a process is the sum of its threads, to the nanosecond', () => {
  const files = proc({
    '/proc/7/task': ['7', '8'],
    '/proc/7/task/7/schedstat': '1500000000 10 3\n',
    '/proc/7/task/8/schedstat': '250000000 10 3\n',
  });
  expect(cpuSeconds([7], files)).toBe(1.75);
  expect(cpuSeconds(['7/task/8'], files)).toBe(0.25);
});
it('without schedstat, ticks have to do, whatever the thread is called', () => {
  const stat = '8 (a) b) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 100 0 0';
  expect(cpuSeconds([8], proc({ '/proc/8/task': ['8'], '/proc/8/task/8/stat': stat }))).toBe(2);
});
it('a process that is gone used nothing', () => expect(cpuSeconds([9], proc({}))).toBe(0));
it('children of every thread belong to the tree', () => {
  const files = proc({
    '/proc/1/task': ['1', '2'],
    '/proc/1/task/1/children': '3 ',
    '/proc/1/task/2/children': '',
    '/proc/3/task': ['3'],
    '/proc/3/task/3/children': '4 5 ',
  });
  expect(processTree(1, files)).toEqual([1, 3, 4, 5]);
});
it('memory is resident memory; what processes share is not added up', () => {
  const rollup = (rss: number, clean: number, dirty: number): string =>
    `5610e152b000-7fff1e733000 ---p 00000000 00:00 0 [rollup]\nRss: ${rss} kB\nPss:\t 7 kB\nPrivate_Clean: ${clean} kB\nPrivate_Dirty: ${dirty} kB\n`;
  const files = proc({ '/proc/1/smaps_rollup': rollup(4096, 512, 512), '/proc/2/smaps_rollup': rollup(5120, 0, 4096) });
  expect(residentMiB([1], files)).toBe(4);
  expect(residentMiB([1, 2, 3], files)).toBe(1 + 4 + 3);
});
it('reads this process', () => {
  expect(cpuSeconds([process.pid])).toBeGreaterThan(0);
  expect(residentMiB([process.pid])).toBeGreaterThan(10);
});
it('threads are found by the name that the kernel keeps', () => {
  const files = proc({
    '/proc/7/task': ['7', '8'],
    '/proc/7/task/7/comm': 'MainThread\n',
    '/proc/7/task/8/comm': 'data-plane-threa\n'.slice(0, 15),
  });
  expect(threadsNamed([7, 9], 'data-plane-thread', files)).toEqual(['7/task/8']);
});
