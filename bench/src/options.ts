import { parseArgs } from 'node:util';
import { err, ok, toError, type Result } from '@weft/result';
import { CONTROL_LOADS } from './control/control-loads.js';
import { L4_LOADS } from './l4/loads.js';

const SUITES = ['l4', 'cluster', 'ca', 'l7', 'control', 'scale', 'soak'] as const;
export type Suite = (typeof SUITES)[number];
/** Without a name; the others are asked for by theirs. */
const DEFAULT_SUITES: readonly Suite[] = ['l4', 'cluster', 'ca'];
const SOAK_MINUTES = 10;

/** How suite `l4` gets connections to the source proxy, and from the destination proxy to the server. */
const L4_PATHS = ['loopback', 'redirected'] as const;
export type L4Path = (typeof L4_PATHS)[number];

/** A pair of proxies given on the command line. */
export interface CommandPair {
  readonly name: string;
  readonly source: string;
  readonly destination: string;
}

export interface BenchOptions {
  readonly suites: readonly Suite[];
  readonly quick: boolean;
  readonly json: boolean;
  readonly help: boolean;
  /** Names of loads of `l4` and `control`; empty: all. */
  readonly loads: readonly string[];
  /** Names of peers of `l4`; empty: all. */
  readonly only: readonly string[];
  readonly pairs: readonly CommandPair[];
  /** Paths of `l4`, one table each. */
  readonly paths: readonly L4Path[];
  /** A checkout whose built ztunnel runs beside this one's as `weft-before`; null: none. */
  readonly before: string | null;
  /** Where CPU profiles of the ztunnels or of the control plane go; null: none are taken. */
  readonly profile: string | null;
  /** How long a soak takes. */
  readonly minutes: number;
}

export const USAGE = `weft bench [l4] [cluster] [ca] [l7] [control] [scale] [soak] [--quick] [--json]

  l4        pairs of proxies between two network namespaces: direct, weft (weft-portable), haproxy, nginx,
            envoy
              --load NAME   only this load (may be repeated): ${L4_LOADS.map(({ name }) => name).join(', ')}
              --only PEER   only this peer (may be repeated)
              --peer name=source-command,destination-command   one more pair, of shell commands that listen on
                            $BENCH_LISTEN and connect to $BENCH_CONNECT; see bench/README.md, bench/examples
              --path PATH   loopback: nobody is redirected; redirected: everybody is, by the rules that pods have in
                            a cluster (default: both, with --quick the first)
              --before DIR  the ztunnel of another built checkout as weft-before, to compare in the same rounds
              --profile DIR CPU profiles of weft's processes, for Chrome's developer tools
  cluster   pods of a two-node cluster with and without the mesh
  ca        certificates a second of CPU beside raw signatures, a restart of all pods, memory
  l7        HTTP in pods of a two-node cluster: directly, by ztunnel, waypoint and ztunnel, and by a pair of Envoys
  control   the control plane with 50,000 pods of which one is replaced each second, and with 3,000 routes on one
            Gateway: CPU, memory, bytes, and how soon a change takes requests in Envoy
              --load NAME   only this load: ${CONTROL_LOADS.join(', ')}
              --profile DIR CPU profiles of the control plane
  scale     69,000 and 200,000 workloads known: memory, and the data path while all of them come again
  soak      half-open, reset and burst clients for minutes: memory over time, and what stays open
              --minutes N   default ${SOAK_MINUTES}; --only PEER for another one than weft
  --quick   short rounds: l4 takes 50 s on a quiet machine
  --json    one object a row

Without a name, all but l7, control, scale and soak are run.
`;

/** The peers of suite l4 that need no command; `--peer` adds more. */
const BUILT_IN_PEERS = ['direct', 'weft', 'weft-portable', 'haproxy', 'nginx', 'envoy'];

/** Pure. An error is one sentence for the terminal. */
export function parseOptions(argv: readonly string[]): Result<BenchOptions, string> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        load: { type: 'string', multiple: true, default: [] },
        only: { type: 'string', multiple: true, default: [] },
        peer: { type: 'string', multiple: true, default: [] },
        profile: { type: 'string' },
        path: { type: 'string', multiple: true, default: [] },
        before: { type: 'string' },
        minutes: { type: 'string', default: String(SOAK_MINUTES) },
      },
    });
    const { quick, json, help, only } = values;
    const unknown = positionals.find((name) => !SUITES.some((suite) => suite === name));
    if (unknown !== undefined) return err(`there is no suite ${unknown}; there are ${SUITES.join(', ')}`);
    const loads = [...L4_LOADS.map(({ name }) => name), ...CONTROL_LOADS];
    const noLoad = values.load.find((name) => !loads.includes(name));
    if (noLoad !== undefined) return err(`--load ${noLoad}: there are ${loads.join(', ')}`);
    const noPath = values.path.find((name) => !L4_PATHS.some((path) => path === name));
    if (noPath !== undefined) return err(`--path ${noPath}: there are ${L4_PATHS.join(', ')}`);
    const defaults = quick ? L4_PATHS.slice(0, 1) : L4_PATHS;
    const paths = values.path.length === 0 ? defaults : L4_PATHS.filter((path) => values.path.includes(path));
    const pairs: CommandPair[] = [];
    for (const text of values.peer) {
      const pair = parsePair(text);
      if (pair === null) return err(`--peer ${text}: want name=source-command,destination-command`);
      pairs.push(pair);
    }
    const before = values.before ?? null;
    const peers = [...BUILT_IN_PEERS, ...(before === null ? [] : ['weft-before']), ...pairs.map(({ name }) => name)];
    const noPeer = only.find((name) => !peers.includes(name));
    if (noPeer !== undefined)
      return err(`--only ${noPeer}: there are ${peers.join(', ')}; one name each, it may be repeated`);
    const suites = positionals.length > 0 ? (positionals as Suite[]) : DEFAULT_SUITES;
    const minutes = Number(values.minutes);
    if (!Number.isInteger(minutes) || minutes < 1) return err(`--minutes ${values.minutes}: want a whole number`);
    const profile = values.profile ?? null;
    return ok({ suites, quick, json, help, loads: values.load, only, pairs, paths, before, profile, minutes });
  } catch (thrown) {
    return err(`${toError(thrown).message.split('\n')[0] ?? ''}; see ./weft bench --help`);
  }
}

function parsePair(text: string): CommandPair | null {
  const match = /^([a-z0-9][a-z0-9-]{0,15})=([^,]+),(.+)$/.exec(text);
  return match === null ? null : { name: match[1]!, source: match[2]!.trim(), destination: match[3]!.trim() };
}
