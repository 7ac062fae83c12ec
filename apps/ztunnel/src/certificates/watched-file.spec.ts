import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@weft/runtime';
import { until } from '@weft/testing-fixtures';
import { WatchedFile } from './watched-file.js';

let folder: string;
let file: WatchedFile;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-watched-'));
});
afterEach(() => {
  file.stop();
  rmSync(folder, { recursive: true });
});

/** As the kubelet writes a volume: a new folder each time, and one link that is swapped. */
function mount(version: number, content: string | null): void {
  const data = join(folder, `..v${version}`);
  mkdirSync(data);
  if (content !== null) writeFileSync(join(data, 'crl'), content);
  symlinkSync(data, join(folder, '..tmp'));
  renameSync(join(folder, '..tmp'), join(folder, '..data'));
}

it('a mounted file is told of when it is missing at the start, comes, changes and goes', async () => {
  const seen: (string | null)[] = [];
  file = new WatchedFile({
    path: join(folder, '..data', 'crl'),
    clock: systemClock,
    onContent: (content) => seen.push(content?.toString() ?? null),
    log: { warn: () => undefined },
  });
  await file.start();
  expect(seen).toEqual([null]);
  for (const [version, content] of ['one', 'two', null].entries()) {
    mount(version, content);
    await until(() => seen.length === version + 2, `version ${version} is seen`);
  }
  expect(seen).toEqual([null, 'one', 'two', null]);
});
