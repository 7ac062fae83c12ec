import type { HttpAnswer, HttpQuestion } from '../testing/proxy/http-client.js';
import { istio, service } from '../testing/proxy/mesh-objects.js';
import { useWaypoint } from '../testing/waypoint/use-waypoint.js';

const { rig, frontend, ruled, expectAnswers } = useWaypoint();

/** Requests for a share. With 10 % five points are more than five standard deviations of it. */
const CALLS = 1000;
const PERCENT = 10;
const AT_ONCE = 12;

/** Answers to so many requests, some of them at once. */
async function asked(authority: string, count: number, question: (i: number) => HttpQuestion): Promise<HttpAnswer[]> {
  const answers: HttpAnswer[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) answers.push(await rig().ask(authority, question(next++)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return answers;
}

const share = <T>(items: readonly T[], is: (item: T) => boolean): number => items.filter(is).length / items.length;

/** Requests to a service by the flags that Envoy's access log gives them. */
async function flagsOf(name: string): Promise<Readonly<Record<string, number>>> {
  const page = await rig().envoy.admin('/stats/prometheus');
  const flags: Record<string, number> = {};
  for (const [, labels = '', value = ''] of page.matchAll(/^envoy_istio_requests_total\{(.*)\} (\d+)$/gm)) {
    if (!labels.includes(`destination_service_name="${name}"`)) continue;
    const flag = /response_flags="([^"]*)"/.exec(labels)?.[1] ?? '';
    flags[flag] = (flags[flag] ?? 0) + Number(value);
  }
  return flags;
}

/** A new Service with routes, known before they are asked for. */
async function virtual(http: (name: string) => readonly object[]) {
  const { name, ip } = frontend();
  await rig().apply(istio('VirtualService', name, { hosts: [name], http: http(name) }), service(name, ip, null));
  return { name, echo: `${ip}:80` };
}
const to = (version: string) => [{ destination: { host: `echo-${version}`, port: { number: 80 } } }];
const prefix = (value: string) => [{ uri: { prefix: value } }];

/** The rows of the acceptance list, each measured at the real Envoy. */
describe('acceptance', () => {
  it('S-05 routing: a header match goes to its subset, what is unmatched to the default', async () => {
    const subsets = ['v1', 'v2'].map((version) => ({ name: version, labels: { version } }));
    const { name, echo } = await ruled({ loadBalancer: { simple: 'RANDOM' } }, { subsets });
    const subset = (version: string) => [{ destination: { host: name, subset: version, port: { number: 80 } } }];
    const http = [
      { match: [{ headers: { 'x-user': { exact: 'tester' } } }], route: subset('v2') },
      { route: subset('v1') },
    ];
    await rig().apply(istio('VirtualService', name, { hosts: [name], http }));
    await expectAnswers(echo, [[{ headers: { 'x-user': 'tester' } }, 'v2']]);
    await expectAnswers(echo, [['/', 'v1']]);
    const answers = await asked(echo, 500, (i) => (i % 2 === 0 ? { path: '/a', headers: { 'x-user': 'tester' } } : {}));
    const wrong = answers.filter(({ server, echo: { path } }) => server !== (path === '/a' ? 'v2' : 'v1'));
    expect(wrong).toEqual([]);
  });

  describe('S-06 load balancing: each kind is told from the others', () => {
    /** Share of requests that go where the one before went, one after another. */
    const repeats = async (trafficPolicy: object): Promise<number> => {
      const { echo } = await ruled({ loadBalancer: trafficPolicy });
      await expectAnswers(echo, [[{ headers: { 'x-user': 'a' } }, { status: 200 }]]);
      let before = '';
      let same = 0;
      for (let i = 0; i < 400; i++) {
        const { server } = await rig().ask(echo, { headers: { 'x-user': 'a' } });
        if (server === before) same++;
        before = server;
      }
      return same / 400;
    };

    it('ROUND_ROBIN never repeats, RANDOM does in a third of the requests, consistentHash always', async () => {
      expect(await repeats({ simple: 'ROUND_ROBIN' })).toBeLessThan(0.05);
      // Five standard deviations.
      expect(Math.abs((await repeats({ simple: 'RANDOM' })) - 1 / 3)).toBeLessThan(0.12);
      expect(await repeats({ consistentHash: { httpHeaderName: 'x-user' } })).toBeGreaterThan(0.95);
    });

    it('LEAST_REQUEST leaves out a server that is busy, RANDOM does not', async () => {
      const toBusy = async (simple: string): Promise<number> => {
        const { echo } = await ruled({ loadBalancer: { simple } });
        await expectAnswers(echo, [['/', 200]]);
        return share(await asked(echo, 400, () => ({ path: '/delay-at/v1/1000' })), ({ server }) => server === 'v1');
      };
      expect(await toBusy('LEAST_REQUEST')).toBeLessThan(0.2);
      expect(await toBusy('RANDOM')).toBeGreaterThan(0.2);
    });
  });

  it('S-07 fault injection: the share of aborts, and their flag FI', async () => {
    const abort = { httpStatus: 418, percentage: { value: PERCENT } };
    const { name, echo } = await virtual(() => [{ fault: { abort }, route: to('v1') }]);
    const isAborted = ({ status }: HttpAnswer) => status === 418;
    await rig().settles(async () => (await asked(echo, 60, () => ({}))).some(isAborted), true);
    const answers = await asked(echo, CALLS, () => ({}));
    expect(Math.abs(share(answers, isAborted) * 100 - PERCENT)).toBeLessThan(5);
    // Envoy counts when a request has ended, which may be after its answer; the first ones count, too.
    const aborted = answers.filter(isAborted).length;
    await rig().settles(async () => ((await flagsOf(name))['FI'] ?? 0) >= aborted, true);
  });

  it('S-07 fault injection: the share of delays, their flag DI, and their time', async () => {
    const delay = { fixedDelay: '0.2s', percentage: { value: PERCENT } };
    const { name, echo } = await virtual(() => [{ fault: { delay }, route: to('v1') }]);
    await rig().settles(async () => {
      await asked(echo, 60, () => ({}));
      return (await flagsOf(name))['DI'] !== undefined;
    }, true);
    const before = await flagsOf(name);
    const answers = await asked(echo, CALLS, () => ({}));
    const after = await flagsOf(name);
    const delayed = (after['DI'] ?? 0) - (before['DI'] ?? 0);
    expect(Math.abs((delayed / CALLS) * 100 - PERCENT)).toBeLessThan(5);
    expect(share(answers, ({ status, server }) => status === 200 && server === 'v1')).toBe(1);
    // Envoy's clock ticks in milliseconds.
    expect(share(answers, ({ ms }) => ms >= 195) * 100).toBeGreaterThan(PERCENT - 5);
  });

  it('S-08 manipulation: headers of requests and responses, path and host, of every call', async () => {
    const { echo } = await virtual(() => [
      {
        match: prefix('/old'),
        rewrite: { uri: '/new', authority: 'inner.example.com' },
        headers: {
          request: { set: { 'x-set': 'new' }, add: { 'x-add': 'more' }, remove: ['x-gone'] },
          response: { set: { 'x-back': 'set' }, add: { 'x-more': 'added' }, remove: ['content-type'] },
        },
        route: to('v1'),
      },
    ]);
    const headers = { 'x-set': 'old', 'x-add': 'one', 'x-gone': 'here' };
    await expectAnswers(echo, [[{ path: '/old/a', headers }, { path: '/new/a' }]]);
    const answers = await asked(echo, 500, () => ({ path: '/old/a', headers }));
    const seen = answers.map(({ echo: { path, host, headers: sent }, headers: back }) =>
      [
        path,
        host,
        sent?.['x-set'],
        sent?.['x-add'],
        sent?.['x-gone'],
        back['x-back'],
        back['x-more'],
        back['content-type'],
      ].join(' '),
    );
    expect([...new Set(seen)]).toEqual(['/new/a inner.example.com new one,more  set added ']);
  });

  it('S-08 manipulation: the share of requests that are mirrored', async () => {
    const { name, echo } = await virtual(() => [
      { mirrors: [{ destination: to('v2')[0]!.destination, percentage: { value: PERCENT } }], route: to('v1') },
    ]);
    const copies = () =>
      rig()
        .pod('v2')
        .requests.filter(({ path }) => path === `/${name}/m`).length;
    const mirror = { path: `/${name}/m` };
    await rig().settles(async () => {
      await asked(echo, 60, () => mirror);
      return copies() > 0;
    }, true);
    const before = copies();
    const answers = await asked(echo, CALLS, () => mirror);
    expect(share(answers, ({ server }) => server === 'v1')).toBe(1);
    await rig().settles(() => Promise.resolve(copies() - before > ((PERCENT - 5) / 100) * CALLS), true);
    expect(copies() - before).toBeLessThan(((PERCENT + 5) / 100) * CALLS);
  });

  it('S-08 manipulation: CORS preflights are answered for the origins that may ask', async () => {
    const corsPolicy = { allowOrigins: [{ exact: 'https://a.example.com' }], allowMethods: ['GET'], maxAge: '60s' };
    const { echo } = await virtual(() => [{ corsPolicy, route: to('v1') }]);
    const preflight = (origin: string) => ({
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET' },
    });
    const allowed = { 'access-control-allow-origin': 'https://a.example.com', 'access-control-max-age': '60' };
    await expectAnswers(echo, [[preflight('https://a.example.com'), { status: 200, server: '', headers: allowed }]]);
    const others = await asked(echo, 100, () => preflight('https://b.example.com'));
    expect(share(others, ({ headers }) => headers['access-control-allow-origin'] === undefined)).toBe(1);
  });
});
