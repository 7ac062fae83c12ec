import type { AccessLine } from './access-log.js';

/** What the ztunnels said about connections that failed, found by the address of the client's socket (the second word). */
export function whyFailed(failures: readonly string[], lines: readonly AccessLine[]): readonly string[] {
  return failures.map((failure) => {
    const source = failure.split(' ')[1];
    const said = lines.filter((line) => line['src.addr'] === source);
    return [failure, ...said.map((line) => JSON.stringify(line))].join('\n');
  });
}
