import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandOptions } from '../options.js';
import { runProgram } from './run-program.js';
import { Terminal } from './terminal.js';

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
}

/** A worker that has grown is replaced: every program that a test starts is a fork, and that costs what the process weighs. */
const WORKERS = ['--maxWorkers=2', '--workerIdleMemoryLimit=700MB'];

/**
 * Type check, format, lint, then every test: first the unit and component tests, then the end-to-end ones. Ends with jest's
 * summary and one line that counts both. Names given on the command line select test files.
 */
export async function test({ rest }: CommandOptions, root: string): Promise<number> {
  const terminal = new Terminal(false);
  const run = (title: string, argv: readonly string[]): Promise<number> => {
    terminal.step(title);
    return runProgram(root, argv, { NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false' });
  };
  let failures = 0;
  if (rest.length === 0) {
    const checks = [
      ['type check', ['npm', 'run', '--silent', 'typecheck']],
      ['format', ['npm', 'run', '--silent', 'format:check']],
      ['lint', ['npm', 'run', '--silent', 'lint']],
    ] as const;
    for (const [title, argv] of checks) if ((await run(title, argv)) !== 0) failures++;
  }
  const reports: JestReport[] = [];
  for (const [title, config] of [
    ['unit and component tests', 'jest.config.js'],
    ['end-to-end tests', 'e2e/jest.config.js'],
  ] as const) {
    const output = join(root, 'tmp', `jest-${reports.length}.json`);
    const argv = [
      'node',
      'node_modules/jest/bin/jest.js',
      '-c',
      config,
      '--json',
      `--outputFile=${output}`,
      '--passWithNoTests',
      ...rest,
    ];
    const code = await run(title, [...argv, ...(title.startsWith('end') ? ['--runInBand'] : WORKERS)]);
    const report = readReport(output);
    reports.push(report);
    if (code !== 0 && report.numFailedTests === 0) failures++;
  }
  const sum = (key: keyof JestReport): number => reports.reduce((total, report) => total + report[key], 0);
  // A failed check, or a suite that could not even start, counts as one failed test.
  const failed = sum('numFailedTests') + failures;
  terminal.print(
    `${sum('numPassedTests')} passed, ${failed} failed${sum('numPendingTests') > 0 ? `, ${sum('numPendingTests')} skipped` : ''}`,
  );
  return failed === 0 ? 0 : 1;
}

function readReport(file: string): JestReport {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JestReport;
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numFailedTestSuites: 0, numPendingTests: 0 };
  }
}
