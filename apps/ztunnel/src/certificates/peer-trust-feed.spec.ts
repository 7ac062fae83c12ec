import type { SecretState, Svid } from '@weft/spiffe';
import { TestAuthority, type TestIdentity } from '@weft/testing-certificates';
import { FakeClock } from '@weft/testing-fixtures';
import { Registry } from 'prom-client';
import { FakeDataPlane } from '../testing/fake-data-plane.js';
import { PeerTrustFeed } from './peer-trust-feed.js';
import { RevocationMetrics } from './revocation-metrics.js';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
let authority: TestAuthority;
let web: TestIdentity;
beforeAll(async () => {
  authority = await TestAuthority.create();
  web = await authority.issue(WEB);
});

function rig() {
  const svid: Svid = { ...web, notBefore: new Date(0), notAfter: new Date(8.64e15) };
  const states = new Map<string, SecretState>([[WEB, { kind: 'available', svid }]]);
  const renewed: string[] = [];
  const said: string[] = [];
  const say = (_fields: object, message: string) => said.push(message);
  const registry = new Registry();
  const dataPlane = new FakeDataPlane();
  const clock = new FakeClock();
  const domains: ReadonlySet<string>[] = [];
  const feed = new PeerTrustFeed({
    certificates: { states: () => states, renew: (id) => renewed.push(id) },
    dataPlane,
    clock,
    log: { info: say, warn: say, error: say },
    metrics: new RevocationMetrics(registry),
    onTrustDomains: (names) => domains.push(names),
  });
  const metric = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value;
  return { feed, dataPlane, renewed, said, clock, metric, domains };
}

describe('PeerTrustFeed', () => {
  it('says nothing to workers while there is nothing to say: a missing file, an empty one, no aliases', () => {
    const { feed, dataPlane } = rig();
    feed.crlFile(null);
    feed.crlFile(Buffer.from(''));
    feed.distrustedRoots(null);
    feed.trustDomains(['cluster.local']);
    expect(dataPlane.sent).toEqual([]);
  });

  it.each<[string, () => string]>([
    ['nonsense', () => 'x'],
    ['half of a list', () => authority.crl({ identities: [WEB] }).slice(0, 200)],
    ['a list with the name of our root and another signature', () => forged()],
  ])('goes on with the last good list when it gets %s, and says so until it is good again', async (_, broken) => {
    const { feed, dataPlane, said, metric } = rig();
    feed.crlFile(Buffer.from(authority.crl({ serials: ['abcd'] })));
    feed.crlFile(Buffer.from(broken()));
    expect(dataPlane.of('setPeerTrust')).toHaveLength(1);
    expect(said).toContain('broken CRL file; the last good one stays in force');
    expect(await metric('weft_crl_refused')).toBe(1);
    expect(await metric('weft_crl_load_failures_total')).toBe(1);
    feed.crlFile(Buffer.from(authority.crl({ serials: ['abcd', 'ef01'] })));
    expect(dataPlane.of('setPeerTrust')).toHaveLength(2);
    expect(await metric('weft_crl_refused')).toBe(0);
  });

  it('keeps the list in force when its file goes away', () => {
    const { feed, dataPlane, said } = rig();
    feed.crlFile(Buffer.from(authority.crl({ serials: ['abcd'] })));
    feed.crlFile(null);
    expect(dataPlane.of('setPeerTrust')).toHaveLength(1);
    expect(said).toContain('the CRL file is gone; the last good one stays in force');
  });

  it('renews a certificate of its own that was taken back, once in ten seconds', () => {
    const { feed, renewed, clock } = rig();
    feed.crlFile(Buffer.from(authority.crl({ serials: [web.serial] })));
    feed.identitiesChanged();
    expect(renewed).toEqual([WEB]);
    void clock.advance(10_000);
    expect(renewed).toEqual([WEB]);
  });

  it('renews everything that leads to a root that is distrusted', () => {
    const { feed, dataPlane, renewed } = rig();
    feed.distrustedRoots(Buffer.from(authority.rootsPem));
    expect(dataPlane.of('setPeerTrust')[0]?.distrustedRootsPem.trim()).toBe(authority.rootsPem.trim());
    expect(renewed).toEqual([WEB]);
  });

  it('keeps the last list of distrusted roots when it gets a broken one, and lifts it with an empty one', () => {
    const { feed, dataPlane } = rig();
    feed.distrustedRoots(Buffer.from(authority.rootsPem));
    feed.distrustedRoots(Buffer.from('x'));
    expect(dataPlane.of('setPeerTrust')).toHaveLength(1);
    feed.distrustedRoots(Buffer.from(''));
    expect(dataPlane.of('setPeerTrust')[1]?.distrustedRootsPem).toBe('');
  });

  it('tells of trust domains when there is more than one, and when there is one again', () => {
    const { feed, dataPlane, domains } = rig();
    feed.trustDomains(['new', 'cluster.local']);
    feed.trustDomains(['new', 'cluster.local']);
    feed.trustDomains(['new']);
    expect(dataPlane.of('setPeerTrust').map(({ trustDomains }) => trustDomains)).toEqual([
      ['new', 'cluster.local'],
      [],
    ]);
    expect(domains).toEqual([new Set(['new', 'cluster.local']), new Set()]);
  });
});

function forged(): string {
  const lines = authority.crl({ identities: [WEB] }).split('\n');
  const last = lines.length - 3;
  lines[last] = (lines[last]!.startsWith('A') ? 'B' : 'A') + lines[last]!.slice(1);
  return lines.join('\n');
}
