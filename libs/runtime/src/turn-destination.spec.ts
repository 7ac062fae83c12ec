import { closeSync, openSync, writeSync } from 'node:fs';
import { TurnDestination } from './turn-destination.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const before = process.listeners('exit');
afterEach(() => {
  for (const listener of process.listeners('exit')) if (!before.includes(listener)) process.off('exit', listener);
});

it('lines of one turn are one write, in order', async () => {
  const writes: string[] = [];
  const destination = new TurnDestination((bytes) => writes.push(bytes.toString()) && bytes.length);
  destination.write('a\n');
  destination.write('b\n');
  expect(writes).toEqual([]);
  await turn();
  destination.write('c\n');
  await turn();
  await turn();
  expect(writes).toEqual(['a\nb\n', 'c\n']);
});

it('flush writes what waits, at once and once', async () => {
  const writes: string[] = [];
  const destination = new TurnDestination((bytes) => writes.push(bytes.toString()) && bytes.length);
  destination.write('a\n');
  destination.flush();
  destination.flush();
  await turn();
  expect(writes).toEqual(['a\n']);
});

it('what waits at the exit is written', () => {
  const writes: string[] = [];
  const destination = new TurnDestination((bytes) => writes.push(bytes.toString()) && bytes.length);
  destination.write('last words\n');
  const own = process.listeners('exit').filter((listener) => !before.includes(listener));
  for (const listener of own) listener.call(process, 0);
  expect(writes).toEqual(['last words\n']);
});

it('more than 64 kB does not wait for the end of the turn', () => {
  let written = 0;
  const destination = new TurnDestination((bytes) => ((written += bytes.length), bytes.length));
  destination.write('x'.repeat(70_000));
  expect(written).toBe(70_000);
});

it('short writes go on, and a reader that is behind is waited for', () => {
  const texts: string[] = [];
  let calls = 0;
  const destination = new TurnDestination((bytes) => {
    if (++calls === 2) throw Object.assign(new Error('full'), { code: 'EAGAIN' });
    texts.push(bytes.toString('utf8', 0, 3));
    return Math.min(3, bytes.length);
  });
  destination.write('äbcdefg\n');
  destination.flush();
  expect(texts.join('')).toBe('äbcdefg\n');
});

it('a line that cannot be written is dropped, and the next one is tried', () => {
  let calls = 0;
  const destination = new TurnDestination((bytes) => {
    if (++calls === 1) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    return bytes.length;
  });
  destination.write('a\n');
  destination.flush();
  destination.write('b\n');
  destination.flush();
  expect(calls).toBe(2);
  expect(destination.lostLines).toBe(1);
});

it('a line that was torn is ended before the next one, and counts as lost', () => {
  let room = 4;
  let text = '';
  const destination = new TurnDestination((bytes) => {
    if (room === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const taken = bytes.subarray(0, room);
    room -= taken.length;
    text += taken.toString();
    return taken.length;
  });
  destination.write('a\nbcd\ne\n');
  destination.flush();
  expect([text, destination.lostLines]).toEqual(['a\nbc', 2]);
  destination.write('f\n');
  destination.flush();
  expect([text, destination.lostLines]).toEqual(['a\nbc', 3]);
  room = 100;
  destination.write('g\n');
  destination.flush();
  destination.write('h\n');
  destination.flush();
  expect([text, destination.lostLines]).toEqual(['a\nbc\ng\nh\n', 3]);
});

it('a reader that does not come is waited for once, until it comes again', () => {
  let behind = true;
  let calls = 0;
  const destination = new TurnDestination((bytes) => {
    calls++;
    if (behind) throw Object.assign(new Error('full'), { code: 'EAGAIN' });
    return bytes.length;
  });
  destination.write('a\n');
  destination.flush();
  expect(calls).toBeGreaterThan(1);
  calls = 0;
  destination.write('b\n');
  destination.flush();
  expect([calls, destination.lostLines]).toEqual([1, 2]);
  behind = false;
  destination.write('c\n');
  destination.flush();
  expect(destination.lostLines).toBe(2);
});

it('a full disk loses lines and nothing else', () => {
  const full = openSync('/dev/full', 'w');
  const destination = new TurnDestination((bytes) => writeSync(full, bytes));
  for (let i = 0; i < 1000; i++) destination.write(`line ${i}\n`);
  destination.flush();
  closeSync(full);
  expect(destination.lostLines).toBe(1000);
});
