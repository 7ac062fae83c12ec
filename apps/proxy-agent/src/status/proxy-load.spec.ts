import { loadOf } from '../envoy/envoy-admin.js';
import { cpuSecondsIn, proxyLoad } from './proxy-load.js';

const STATS = `http.admin.downstream_rq_total: 90
http.agent.downstream_rq_total: 7
http.prometheus_stats.downstream_rq_active: 1
http.connect_terminate.downstream_rq_active: 3
http.connect_terminate.downstream_rq_total: 10
http.inbound_0.0.0.0_80;.downstream_rq_active: 2
http.inbound_0.0.0.0_80;.downstream_rq_total: 40
`;

describe('the load of a proxy', () => {
  it('of a waypoint is its open tunnels, and all requests but those of readiness and metrics', () => {
    expect(loadOf(STATS)).toEqual({ requests: 50, connections: 3 });
  });

  it('of a gateway is its open requests', () => {
    expect(loadOf(STATS.replaceAll(/^http.connect_terminate.*\n/gm, ''))).toEqual({ requests: 40, connections: 2 });
  });

  it('of nothing is nothing', () => {
    expect(loadOf('')).toEqual({ requests: 0, connections: 0 });
  });

  it.each([
    ['12 (envoy) S 1 12 12 0 -1 4194560 900 0 0 0 150 50 0 0 20 0', 2],
    ['12 (a) b) S 1 12 12 0 -1 4194560 900 0 0 0 1 2 0 0 20 0', 0.03],
    ['', null],
    ['12 (envoy) S', null],
  ])('CPU time is user and system time together: %s', (stat, seconds) => {
    expect(cpuSecondsIn(stat)).toBe(seconds);
  });

  it('is a page of metrics, and an empty one when Envoy does not answer', async () => {
    const page = await proxyLoad({ load: () => Promise.resolve({ requests: 5, connections: 1 }) }, process.pid);
    expect(page).toMatch(/^weft_proxy_requests_total 5$/m);
    expect(page).toMatch(/^weft_proxy_cpu_seconds_total [\d.]+$/m);
    expect(await proxyLoad({ load: () => Promise.reject(new Error('away')) }, process.pid)).toBe('');
    expect(await proxyLoad({ load: () => Promise.resolve({ requests: 5, connections: 1 }) }, null)).toBe('');
  });
});
