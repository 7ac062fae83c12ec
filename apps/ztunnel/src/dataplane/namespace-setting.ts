import { readFileSync, writeFileSync } from 'node:fs';
import { inNetns } from '@weft/linux';

/**
 * Changes one setting of a pod's network namespace, only from the value `from`: another one was set on purpose. False when
 * nothing was changed, also where the settings may not be written or the kernel does not know this one.
 */
export function changeNamespaceSetting(netnsFd: number, setting: string, from: string, to: string): boolean {
  // /proc/sys/net shows the namespace of the thread that opens the file.
  return inNetns(netnsFd, () => {
    try {
      const path = `/proc/sys/net/${setting}`;
      if (readFileSync(path, 'utf8').trim() !== from) return false;
      writeFileSync(path, to);
      return true;
    } catch {
      return false;
    }
  });
}
