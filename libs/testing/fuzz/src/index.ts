export { readCorpus } from './corpus.js';
export { describeFuzz } from './describe-fuzz.js';
export { fuzz, type FuzzReport } from './fuzz.js';
export type { FuzzTarget } from './fuzz-target.js';
export { runFuzz } from './run-fuzz.js';
