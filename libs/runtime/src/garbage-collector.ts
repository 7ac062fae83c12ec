import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Collects all garbage of this thread, which stands still meanwhile: tens of milliseconds for a program's main thread.
 * `last-resort` takes twice as long: it moves what is left together, and drops the code of functions that are not in use.
 */
export function garbageCollector(flavor: 'regular' | 'last-resort' = 'regular'): () => void {
  // Contexts that are made from now on have the function.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  return () => collect({ type: 'major', execution: 'sync', flavor });
}
