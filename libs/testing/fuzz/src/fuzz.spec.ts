import { fuzz } from './fuzz.js';
import type { FuzzTarget } from './fuzz-target.js';

const limits = { corpus: [], seed: 7, executions: 20_000, milliseconds: 20_000 };
const target = (run: (input: Buffer) => string): FuzzTarget => ({
  name: 'example',
  maxBytes: 64,
  seeds: () => [Buffer.from('hello')],
  words: [Buffer.from('magic')],
  run,
});

describe('fuzz', () => {
  it('finds a parser that throws, and names the input', () => {
    const broken = target((input) => {
      if (input.includes('magic') && input.length > 12) throw new RangeError('out of bounds');
      return 'read';
    });
    const { findings } = fuzz(broken, limits);
    expect(findings.length).toBeGreaterThan(0);
    expect(findings[0]?.problem).toContain('RangeError: out of bounds');
    expect(findings[0]?.input.includes('magic')).toBe(true);
  });

  it('goes on from inputs with a new outcome', () => {
    // Four steps that each need the one before: out of reach for blind mutations of the seed.
    const steps = target((input) => {
      let depth = 0;
      while (depth < 4 && input[depth] === 0x41 + depth) depth++;
      return `depth ${depth}`;
    });
    expect(fuzz(steps, { ...limits, executions: 50_000 }).outcomes).toBe(5);
  });

  it('does the same for the same seed, and never passes the longest input', () => {
    const seen = (seed: number): string[] => {
      const inputs: string[] = [];
      const note = target((input) => {
        inputs.push(input.toString('hex'));
        return '';
      });
      fuzz(note, { ...limits, seed, executions: 500 });
      return inputs;
    };
    expect(seen(1)).toEqual(seen(1));
    expect(seen(1)).not.toEqual(seen(2));
    expect(Math.max(...seen(1).map((hex) => hex.length / 2))).toBeLessThanOrEqual(64);
  });
});
