import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readCorpus, writeCorpus } from './corpus.js';
import { fuzz, type FuzzFinding, type FuzzReport } from './fuzz.js';
import type { FuzzTarget } from './fuzz-target.js';

const MOST_KEPT = 200;
const LONGEST_KEPT_BYTES = 512;

/** One target for so many minutes, from the command line. Returns the exit status: 1 when something was found. */
export function runFuzz(target: FuzzTarget, corpusFile: string, argv: readonly string[]): number {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
      keep: { type: 'boolean', default: false },
      findings: { type: 'string', default: 'tmp/fuzz' },
    },
  });
  const corpus = readCorpus(corpusFile);
  const kept = [...corpus];
  const report = fuzz(target, {
    corpus,
    seed: Number(values.seed),
    executions: Number.POSITIVE_INFINITY,
    milliseconds: Number(values.minutes) * 60_000,
    onNovelty: (input) => {
      if (kept.length < MOST_KEPT && input.length <= LONGEST_KEPT_BYTES) kept.push(Buffer.from(input));
    },
  });
  if (values.keep) writeCorpus(corpusFile, kept);
  process.stdout.write(`${JSON.stringify(summary(report, values.seed))}\n`);
  report.findings.forEach((finding, i) => {
    writeFinding(values.findings, `${target.name}-${values.seed}-${i}`, finding);
  });
  return report.findings.length === 0 ? 0 : 1;
}

function summary({ findings, seconds, slowestMs, ...report }: FuzzReport, seed: string): object {
  return {
    ...report,
    seconds: Math.round(seconds),
    slowestMs: Math.round(slowestMs * 10) / 10,
    findings: findings.length,
    seed: Number(seed),
  };
}

function writeFinding(folder: string, name: string, { input, problem }: FuzzFinding): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.txt`);
  writeFileSync(file, `# ${problem.replaceAll('\n', '\n# ')}\n${input.toString('hex')}\n`);
  process.stderr.write(`${file}: ${problem.split('\n')[0] ?? ''}\n`);
}
