import { expectAnswers, sharesOf, type Case } from '../proxy/expectations.js';
import { istio, route, service, type ServicePort } from '../proxy/mesh-objects.js';
import { WaypointRig } from './waypoint-rig.js';

const START_MS = 60_000;
const STOP_MS = 60_000;
const TEST_MS = 120_000;

export interface WaypointTests {
  readonly rig: () => WaypointRig;
  /** A new Service for all pods, by its `<clusterIP>`; its name counts up from `echo`. */
  readonly frontend: () => { readonly name: string; readonly ip: string };
  /** A new Service with an HTTPRoute of these rules for its port 80, which is known first: no request goes without it. */
  readonly routed: (rules: readonly object[]) => Promise<string>;
  /** A new Service for all pods with this DestinationRule, which is known first, so that its clusters never have another one. */
  readonly ruled: (
    trafficPolicy: object,
    more?: object,
    ports?: readonly ServicePort[],
  ) => Promise<{ readonly name: string; readonly ip: string; readonly echo: string }>;
  /** Each question until its answer is as expected; the first may take as long as the configuration. */
  readonly expectAnswers: (authority: string, cases: readonly Case[], as?: string) => Promise<void>;
  /** Servers of so many requests, by name. */
  readonly shares: (authority: string, count: number, path?: string) => Promise<Readonly<Record<string, number>>>;
}

export const PODS = ['v1', 'v2', 'v3'] as const;

/** One waypoint for all tests of a file, with the pods `v1` to `v3` and the Services `echo-v1` to `echo-v3`. */
export function useWaypoint(): WaypointTests {
  // Other work on the machine may slow the whole down; no wait is a sleep.
  jest.setTimeout(TEST_MS);
  let started: WaypointRig | undefined;
  let count = 0;
  const rig = (): WaypointRig => {
    if (started === undefined) throw new Error('the waypoint has not started');
    return started;
  };
  beforeAll(async () => {
    started = await WaypointRig.start(PODS);
    await started.apply(...PODS.map((name, i) => service(`echo-${name}`, `10.96.255.${i + 1}`, name)));
  }, START_MS);
  afterAll(() => started?.stop(), STOP_MS);

  const frontend = () => {
    count++;
    return { name: `echo-${count}`.replace(/-(\d)$/, '-0$1'), ip: `10.96.1.${count}` };
  };
  return {
    rig,
    frontend,
    routed: async (rules) => {
      const { name, ip } = frontend();
      await rig().apply(route('HTTPRoute', name, { name, port: 80 }, { rules }), service(name, ip, null));
      return `${ip}:80`;
    },
    ruled: async (trafficPolicy, more = {}, ports) => {
      const { name, ip } = frontend();
      await rig().apply(istio('DestinationRule', name, { host: name, trafficPolicy, ...more }));
      await rig().settles(async () => (await rig().page('/debug/statusz')).includes(`"${name}"`), true);
      await rig().apply(service(name, ip, null, ports === undefined ? {} : { ports }));
      await rig().settles(async () => (await rig().envoy.admin('/clusters')).includes(`|${name}.shop`), true);
      return { name, ip, echo: `${ip}:80` };
    },
    expectAnswers: (authority, cases, as) =>
      expectAnswers(rig(), (question) => rig().ask(authority, question, as), cases),
    shares: (authority, requests, path = '/') => sharesOf(() => rig().ask(authority, { path }), requests),
  };
}
