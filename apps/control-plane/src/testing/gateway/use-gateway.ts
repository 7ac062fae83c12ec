import { expectAnswers, sharesOf, type Case } from '../proxy/expectations.js';
import { route, service } from '../proxy/mesh-objects.js';
import type { ProxyRole } from '../proxy/proxy-rig.js';
import { PODS } from '../waypoint/use-waypoint.js';
import { EDGE, GatewayRig, WEB_PORT } from './gateway-rig.js';

const START_MS = 60_000;
const STOP_MS = 60_000;
const TEST_MS = 120_000;

/** The Gateway as the parent of a route. */
export const EDGE_PARENT = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: EDGE } as const;

export interface GatewayTests {
  readonly rig: () => GatewayRig;
  /** A host that no route has. */
  readonly newHost: () => string;
  /** A new host with a route of these rules. */
  readonly routed: (rules: readonly object[], kind?: 'HTTPRoute' | 'GRPCRoute') => Promise<string>;
  /** Each question for the host until its answer is as expected; the first may take as long as the configuration. */
  readonly expectAnswers: (host: string, cases: readonly Case[], port?: number) => Promise<void>;
  /** Servers of so many requests, by name. */
  readonly shares: (host: string, count: number) => Promise<Readonly<Record<string, number>>>;
}

/** One Gateway for all tests of a file, with the pods `v1` to `v3` and the Services `echo-v1` to `echo-v3`. */
export function useGateway(others: readonly ProxyRole[] = []): GatewayTests {
  // Other work on the machine may slow the whole down; no wait is a sleep.
  jest.setTimeout(TEST_MS);
  let started: GatewayRig | undefined;
  let count = 0;
  const rig = (): GatewayRig => {
    if (started === undefined) throw new Error('the gateway has not started');
    return started;
  };
  beforeAll(async () => {
    started = await GatewayRig.start(PODS, others);
    await started.apply(...PODS.map((name, i) => service(`echo-${name}`, `10.96.255.${i + 1}`, name)));
  }, START_MS);
  afterAll(() => started?.stop(), STOP_MS);

  const newHost = () => `host-${++count}.example.com`;
  return {
    rig,
    newHost,
    routed: async (rules, kind = 'HTTPRoute') => {
      const host = newHost();
      await rig().apply(route(kind, host, EDGE_PARENT, { hostnames: [host], rules }));
      return host;
    },
    expectAnswers: (host, cases, port = WEB_PORT) =>
      expectAnswers(rig(), (question) => rig().ask({ host, ...question }, port), cases),
    shares: (host, requests) => sharesOf(() => rig().ask({ host }), requests),
  };
}
