import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { err, ok, toError, type Result } from '@weft/result';
import { IP_FAMILIES, type IpFamily } from '@weft/testing-local-cluster';

export interface CommandOptions {
  readonly command: 'up' | 'down' | 'status' | 'test' | 'bench';
  readonly name: string;
  readonly nodes: number;
  readonly ipFamily: IpFamily;
  readonly once: boolean;
  readonly json: boolean;
  readonly keep: boolean;
  readonly demo: boolean;
  readonly mesh: boolean;
  /** A file that says which programs stand in for images. */
  readonly images: string | undefined;
  /** What is left: test patterns; of `bench` everything. */
  readonly rest: readonly string[];
}

const COMMANDS = ['up', 'down', 'status', 'test', 'bench'] as const;

/** Pure. An error is one sentence for the terminal. */
export function parseOptions(argv: readonly string[]): Result<CommandOptions, string> {
  const [word, ...args] = argv;
  const command = COMMANDS.find((known) => known === word);
  if (command === undefined) return err(`unknown command ${JSON.stringify(word ?? '')}; see ./weft help`);
  // The bench is a program of its own, with options of its own.
  const [own, rest] = command === 'bench' ? [[], args] : [args, null];
  try {
    const { values, positionals } = parseArgs({
      args: own,
      allowPositionals: true,
      options: {
        name: { type: 'string', default: 'weft' },
        nodes: { type: 'string', default: '2' },
        'ip-family': { type: 'string', default: 'ipv4' },
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        'no-demo': { type: 'boolean', default: false },
        'no-mesh': { type: 'boolean', default: false },
        images: { type: 'string' },
      },
    });
    const nodes = Number(values.nodes);
    if (!Number.isInteger(nodes) || nodes < 1 || nodes > 20)
      return err(`--nodes ${values.nodes}: want a number from 1 to 20`);
    if (!/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/.test(values.name))
      return err(`--name ${values.name}: want up to 22 lower-case letters, digits and dashes`);
    const ipFamily = IP_FAMILIES.find((known) => known === values['ip-family']);
    if (ipFamily === undefined) return err(`--ip-family ${values['ip-family']}: want ${IP_FAMILIES.join(', ')}`);
    const demo = !values['no-demo'] && !values['no-mesh'];
    if (command === 'up' && demo && nodes < 2) return err('the demo needs two nodes: use --nodes 2, or --no-demo');
    const { name, once, json, keep } = values;
    return ok({
      command,
      name,
      nodes,
      ipFamily,
      once,
      json,
      keep,
      demo,
      mesh: !values['no-mesh'],
      images: values.images,
      rest: rest ?? positionals,
    });
  } catch (thrown) {
    return err(`${toError(thrown).message.split('\n')[0] ?? ''}; see ./weft help`);
  }
}

/** Everything a cluster leaves on disk is below this folder. */
export function stateDirOf(name: string): string {
  return join(homedir(), '.weft', name);
}
