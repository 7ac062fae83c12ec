import { readCorpus } from './corpus.js';
import { fuzz } from './fuzz.js';
import type { FuzzTarget } from './fuzz-target.js';

const SEED = 1;
const EXECUTIONS = 5000;
const LONGEST_MS = 10_000;

/** Specs of one target: all that the corpus holds, and a short pass of mutations that is the same every time. */
export function describeFuzz(target: FuzzTarget, corpusFile: string): void {
  describe(`fuzzing ${target.name}`, () => {
    it('every input of the corpus is read or refused as promised', () => {
      for (const input of readCorpus(corpusFile)) expect(typeof target.run(input)).toBe('string');
    });

    it('so are mutations of it', () => {
      const corpus = readCorpus(corpusFile);
      const report = fuzz(target, { corpus, seed: SEED, executions: EXECUTIONS, milliseconds: LONGEST_MS });
      expect(report.findings.map(({ input, problem }) => `${input.toString('hex')}: ${problem}`)).toEqual([]);
      expect(report.outcomes).toBeGreaterThan(1);
    });
  });
}
