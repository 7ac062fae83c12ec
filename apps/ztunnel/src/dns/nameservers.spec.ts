import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@weft/testing-fixtures';
import { Nameservers } from './nameservers.js';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'weft-resolv-'))));
afterEach(() => rmSync(directory, { recursive: true }));

describe('Nameservers', () => {
  it('reads the file again when it changes, at most once a second, and keeps the last good ones', async () => {
    const path = join(directory, 'resolv.conf');
    const clock = new FakeClock();
    const warnings: string[] = [];
    const nameservers = new Nameservers(path, clock, { warn: (_fields, message) => void warnings.push(message) });
    const current = () => nameservers.current().map(({ text }) => text);
    expect([current(), warnings]).toEqual([[], ['nameservers cannot be read']]);
    writeFileSync(path, 'nameserver 10.0.0.1\n');
    expect(current()).toEqual([]);
    await clock.advance(1000);
    expect(current()).toEqual(['10.0.0.1']);
    // As the kubelet and NetworkManager do: another file takes the name.
    writeFileSync(`${path}.new`, 'nameserver 10.0.0.2\n');
    renameSync(`${path}.new`, path);
    await clock.advance(1000);
    expect(current()).toEqual(['10.0.0.2']);
    rmSync(path);
    await clock.advance(1000);
    await clock.advance(1000);
    expect([current(), warnings]).toEqual([['10.0.0.2'], ['nameservers cannot be read', 'nameservers cannot be read']]);
    writeFileSync(path, 'search x\n');
    await clock.advance(1000);
    expect([current(), warnings.length]).toEqual([[], 3]);
  });
});
