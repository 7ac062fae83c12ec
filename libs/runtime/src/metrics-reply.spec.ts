import { Counter, Gauge, Registry } from 'prom-client';
import { AdminServer } from './admin-server.js';

describe('a scrape', () => {
  let server: AdminServer;
  let before = 0;

  beforeAll(async () => {
    const registry = new Registry();
    new Counter({ name: 'requests_total', help: 'Requests', labelNames: ['who'], registers: [registry] }).inc(
      { who: 'x'.repeat(2000) },
      3,
    );
    new Counter({ name: 'odd', help: 'No suffix', registers: [registry] }).inc();
    new Gauge({ name: 'open', help: 'Open now', registers: [registry] }).set(7);
    const beforeMetrics = () => {
      before++;
      return Promise.resolve();
    };
    server = new AdminServer({ name: 'test', host: '127.0.0.1', port: 0, registry, beforeMetrics });
    await server.start();
  });
  afterAll(() => server.stop());

  const get = async (headers: Record<string, string>) => {
    const response = await fetch(`http://127.0.0.1:${server.port}/metrics`, {
      headers: { 'accept-encoding': 'identity', ...headers },
    });
    return { type: response.headers.get('content-type'), coding: response.headers.get('content-encoding'), response };
  };

  it('is the Prometheus text format by default, after what had to be brought up to date', async () => {
    const runs = before;
    const { type, coding, response } = await get({});
    expect(type).toContain('text/plain; version=0.0.4');
    expect(coding).toBeNull();
    expect(await response.text()).toContain('# TYPE requests_total counter');
    expect(before).toBe(runs + 1);
  });

  it('is OpenMetrics where that is preferred: families without _total, and an end', async () => {
    const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';
    const { type, response } = await get({ accept });
    expect(type).toContain('application/openmetrics-text; version=1.0.0');
    const text = await response.text();
    expect(text).toContain('# TYPE requests counter\n# HELP requests Requests\nrequests_total{who=');
    expect(text).toContain('# TYPE odd unknown');
    expect(text).toContain('# TYPE open gauge\n# HELP open Open now\nopen 7\n');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
  });

  it('stays with the text format where that is preferred', async () => {
    const { type } = await get({ accept: 'text/plain,application/openmetrics-text;q=0.5' });
    expect(type).toContain('text/plain');
  });

  it('is compressed only where that is accepted', async () => {
    const { coding, response } = await get({ 'accept-encoding': 'br, gzip;q=0.8' });
    expect(coding).toBe('gzip');
    expect(await response.text()).toContain('requests_total');
    expect((await get({ 'accept-encoding': 'gzip;q=0' })).coding).toBeNull();
  });
});
