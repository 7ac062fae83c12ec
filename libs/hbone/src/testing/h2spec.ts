import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(__dirname, '../../../..');
/** The newest version that the Go module proxy gives. */
const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible';
const INSTALL_MS = 300_000;
const RUN_MS = 300_000;
/** How long a case waits for the answer it wants; more than its own default of 2 s, for machines that are busy. */
const CASE_SECONDS = 5;

export interface H2specResult {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

/** Where h2spec is; it is built once, by `go install`. Throws with the cure where there is no Go. */
export async function h2specBinary(): Promise<string> {
  const folder = join(ROOT, 'tmp/go/bin');
  const binary = join(folder, 'h2spec');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/local/go/bin`, GOBIN: folder };
  try {
    await run('go', ['install', MODULE], { env, timeout: INSTALL_MS });
  } catch (cause) {
    throw new Error('h2spec cannot be built: install Go 1.25 or newer and see that it reaches a module proxy', {
      cause,
    });
  }
  return binary;
}

/** All cases, strict ones included, against a cleartext server. */
export async function runH2spec(binary: string, port: number): Promise<H2specResult> {
  const report = join(ROOT, `tmp/go/h2spec-${process.pid}.xml`);
  const args = ['--strict', '--timeout', String(CASE_SECONDS), '-p', String(port), '-j', report];
  // It ends with 1 when a case failed; which one is in the report.
  await run(binary, args, { timeout: RUN_MS, maxBuffer: 1 << 24 }).catch((failure: unknown) => {
    if (!existsSync(report)) throw failure;
  });
  const xml = readFileSync(report, 'utf8');
  rmSync(report);
  return parseReport(xml);
}

/** JUnit as h2spec writes it: `package` is the section, `classname` what the case says. */
function parseReport(xml: string): H2specResult {
  const cases = [...xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs)];
  const named = (mark: string): string[] =>
    cases.filter(([, , , body = '']) => body.includes(mark)).map(([, section, title]) => `${section}: ${title}`);
  const failed = [...named('<failure'), ...named('<error')];
  const skipped = named('<skipped');
  return { passed: cases.length - failed.length - skipped.length, failed, skipped };
}
