import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVICE_ADDRESS } from '../namespace-pair.js';
import { Program } from '../program.js';
import { BenchAgent } from './bench-agent.js';
import type { BenchAuthority } from './bench-authority.js';
import { meshYaml, SERVICE_PORT } from './mesh-yaml.js';
import type { Peer, PeerSite } from './peer.js';
import { redirectPair } from './redirect-pair.js';

export interface WeftOptions {
  /** `WEFT_ENGINE` of both. */
  readonly engine?: 'ffi' | 'portable';
  /** Where the mesh is told from; empty: a file. */
  readonly xdsAddress?: string;
  /** Another checkout, built, whose ztunnel it is. */
  readonly before?: string;
  /** Measures the main threads; see `slice-probe.entry.ts`. */
  readonly sliceProbe?: SliceProbe | null;
}

export interface SliceProbe {
  /** What the process requires first. */
  readonly preload: string;
  /** Where the slices of `source` and `destination` go. */
  readonly file: (role: string) => string;
}

/**
 * Two ztunnels as they ship, each with one pod: redirection by the CNI agent's rules, policies, metrics and access log on.
 * The client connects to the server's own address; every other address of the server is a workload address with a tunnel of
 * its own, which is how a handshake is made for each connection. With `xdsAddress` they are told of the mesh from there.
 *
 * On the path `loopback` no rules are installed. The client connects to a service whose address is local and whose port is
 * the one on which ztunnel listens: where no rule touched a connection, its own address is where it meant to go.
 */
export function weft(
  authority: BenchAuthority,
  { engine = 'ffi', xdsAddress = '', before, sliceProbe = null }: WeftOptions = {},
): Peer {
  return {
    name: before !== undefined ? 'weft-before' : engine === 'ffi' ? 'weft' : `weft-${engine}`,
    version: (root) => {
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version?: string };
      return Promise.resolve(`ztunnel ${version ?? ''} (Node.js ${process.version})`);
    },
    redirect: redirectPair,
    async start(site, started) {
      const { client, server } = site.namespaces;
      const meshPath = join(site.directory, 'mesh.yaml');
      writeFileSync(meshPath, meshYaml(site.coldTargets));
      const agents = [
        new BenchAgent(join(site.directory, 'source.sock'), { name: 'client', namespace: client }),
        new BenchAgent(join(site.directory, 'destination.sock'), { name: 'server', namespace: server }),
      ];
      const [source, destination] = await Promise.all(
        ['source', 'destination'].map((role) =>
          ztunnel(before === undefined ? site : { ...site, root: before }, role, {
            meshPath,
            xdsAddress,
            caAddress: authority.address,
            engine,
            sliceProbe,
          }),
        ),
      );
      started.push(source!, destination!);
      await Promise.all(agents.map(({ ready }) => ready));
      return {
        source: [source!],
        destination: [destination!],
        target: site.route.redirected ? site.route.target : `${SERVICE_ADDRESS}:${SERVICE_PORT}`,
        coldTarget: site.route.coldTarget,
        close: () => agents.forEach((agent) => agent.close()),
      };
    },
  };
}

function ztunnel(
  { root, directory, profile, route }: PeerSite,
  role: string,
  {
    meshPath,
    xdsAddress,
    caAddress,
    engine,
    sliceProbe,
  }: Required<Omit<WeftOptions, 'before'>> & Readonly<Record<'meshPath' | 'caAddress', string>>,
): Promise<Program> {
  const flags = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profile, role)}`];
  const probe = sliceProbe === null ? [] : ['--require', sliceProbe.preload];
  return Program.start({
    argv: [process.execPath, ...flags, ...probe, join(root, 'dist/apps/ztunnel/main.cjs')],
    logPath: join(directory, `${role}.log`),
    netns: null,
    env: {
      NODE_NAME: role,
      XDS_ADDRESS: xdsAddress,
      ...(xdsAddress === '' ? { LOCAL_XDS_PATH: meshPath } : {}),
      CA_ADDRESS: caAddress,
      AUTH_TOKEN: 'bench',
      INPOD_UDS: join(directory, `${role}.sock`),
      WEFT_ENGINE: engine,
      // A foreign source address takes rules that bring the answers back.
      ...(route.redirected ? {} : { ENABLE_ORIG_SRC: 'false' }),
      ZTUNNEL_WORKER_THREADS: '1',
      WEFT_ADMIN_PORT: '0',
      WEFT_METRICS_PORT: '0',
      WEFT_READINESS_PORT: '0',
      ...(sliceProbe === null ? {} : { BENCH_SLICES: sliceProbe.file(role) }),
    },
  });
}
