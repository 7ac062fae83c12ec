import { toError } from '@weft/result';
import { caSuite } from './ca/ca-suite.js';
import { clusterSuite } from './cluster/cluster-suite.js';
import { controlSuite } from './control/control-suite.js';
import { l4Suite } from './l4/l4-suite.js';
import { l7Suite } from './l7/l7-suite.js';
import { scaleSuite } from './scale/scale-suite.js';
import { soakSuite } from './soak/soak-suite.js';
import { parseOptions, USAGE } from './options.js';

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  if (!parsed.ok) {
    process.stderr.write(`weft bench: ${parsed.error}\n`);
    return 2;
  }
  const options = parsed.value;
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const root = process.env['WEFT_ROOT'] ?? process.cwd();
  const note = (text: string): void => void process.stderr.write(`weft bench: ${text}\n`);
  let status = 0;
  if (options.suites.includes('l4')) status = await l4Suite({ ...options, root, note });
  if (options.suites.includes('cluster')) status = Math.max(status, await clusterSuite({ ...options, root, note }));
  if (options.suites.includes('ca')) status = Math.max(status, await caSuite({ ...options, root, note }));
  if (options.suites.includes('l7')) status = Math.max(status, await l7Suite({ ...options, root, note }));
  if (options.suites.includes('control')) status = Math.max(status, await controlSuite({ ...options, root, note }));
  if (options.suites.includes('scale')) status = Math.max(status, await scaleSuite({ ...options, root, note }));
  if (options.suites.includes('soak')) status = Math.max(status, await soakSuite({ ...options, root, note }));
  return status;
}

void main().then(
  (code) => process.exit(code),
  (thrown: unknown) => {
    process.stderr.write(`weft bench: ${toError(thrown).message}\n`);
    process.exit(1);
  },
);
