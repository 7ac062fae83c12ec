import type { HttpQuestion } from './http-client.js';
import { route, service } from './mesh-objects.js';
import { WaypointRig } from './waypoint-rig.js';

const START_MS = 60_000;
const STOP_MS = 60_000;
const TEST_MS = 120_000;

/** `/path`, or more. */
export type Question = string | HttpQuestion;

/** What is looked at of an answer: only what is asked for. */
export interface Expectation {
  readonly status?: number;
  readonly server?: string;
  /** Path that the server saw. */
  readonly path?: string;
  readonly host?: string;
  /** Headers that the server saw; null: it did not. */
  readonly seen?: Readonly<Record<string, string | null>>;
  /** Headers of the answer; null: there is none. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

export interface WaypointTests {
  readonly rig: () => WaypointRig;
  /** A new Service for all pods, by its `<clusterIP>`; its name counts up from `echo`. */
  readonly frontend: () => { readonly name: string; readonly ip: string };
  /** A new Service with an HTTPRoute of these rules for its port 80. */
  readonly routed: (rules: readonly object[]) => Promise<string>;
  /** Each question until its answer is as expected; the first may take as long as the configuration. */
  readonly expectAnswers: (
    authority: string,
    cases: readonly (readonly [Question, Expectation | string | number])[],
    as?: string,
  ) => Promise<void>;
  /** Servers of so many requests, by name. */
  readonly shares: (authority: string, count: number) => Promise<Readonly<Record<string, number>>>;
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
      await rig().apply(service(name, ip, null), route('HTTPRoute', name, { name, port: 80 }, { rules }));
      return `${ip}:80`;
    },
    expectAnswers: async (authority, cases, as) => {
      for (const [question, expected] of cases) {
        const asked = typeof question === 'string' ? { path: question } : question;
        const wanted = expectationOf(expected);
        await rig().settles(async () => pick(await rig().ask(authority, asked, as), wanted), wanted);
      }
    },
    shares: async (authority, requests) => {
      const seen: Record<string, number> = {};
      for (let i = 0; i < requests; i++) {
        const { server } = await rig().ask(authority);
        seen[server] = (seen[server] ?? 0) + 1;
      }
      return seen;
    },
  };
}

/** A server's name alone, or a status alone. */
function expectationOf(expected: Expectation | string | number): Expectation {
  if (typeof expected === 'string') return { status: 200, server: expected };
  return typeof expected === 'number' ? { status: expected } : expected;
}

type Answer = Awaited<ReturnType<WaypointRig['ask']>>;

/** The same fields of an answer. */
function pick({ status, server, headers, echo }: Answer, wanted: Expectation): Expectation {
  const all = { status, server, path: echo.path, host: echo.host };
  const of = (names: Readonly<Record<string, unknown>> | undefined, from: Readonly<Record<string, unknown>> = {}) =>
    Object.fromEntries(Object.keys(names ?? {}).map((name) => [name, from[name.toLowerCase()] ?? null]));
  return Object.fromEntries<unknown>(
    Object.keys(wanted).map((key) => {
      if (key === 'seen') return [key, of(wanted.seen, echo.headers)];
      if (key === 'headers') return [key, of(wanted.headers, headers)];
      return [key, all[key as keyof typeof all]];
    }),
  );
}
