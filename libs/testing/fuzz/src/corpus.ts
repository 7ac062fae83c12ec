import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Inputs kept in the repository: one in hexadecimal per line, `#` begins a comment. A missing file is an empty corpus. */
export function readCorpus(file: string): readonly Buffer[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Buffer.from(line, 'hex'));
}

/** Sorted, so that two who add to it rarely meet in one line. */
export function writeCorpus(file: string, inputs: readonly Buffer[]): void {
  mkdirSync(dirname(file), { recursive: true });
  const lines = [...new Set(inputs.map((input) => input.toString('hex')))].filter((line) => line !== '').sort();
  writeFileSync(file, lines.join('\n') + '\n');
}
