import { join } from 'node:path';
import type { CommandOptions } from '../options.js';
import { runProgram } from './run-program.js';

/** Hands over to the bench program, which is a project of its own (`bench/`). */
export function bench({ rest }: CommandOptions, root: string): Promise<number> {
  return runProgram(root, [process.execPath, join(root, 'dist/bench/main.cjs'), ...rest]);
}
