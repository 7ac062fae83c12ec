import { request } from 'node:http';
import type { ProxyReading } from './load-history.js';

const PORT = 15_020;
const DEADLINE_MS = 1000;
/** The page has three numbers; whatever is longer is something else. */
const MOST_BYTES = 65_536;

/** Asks the agent of a proxy what it carries. Null: no answer in time, or not one that can be read. */
export function readProxy(ip: string, port = PORT): Promise<ProxyReading | null> {
  return new Promise((resolve) => {
    const call = request({ host: ip, port, path: '/stats/load', agent: false });
    const cut = setTimeout(() => call.destroy(), DEADLINE_MS);
    const done = (reading: ProxyReading | null): void => {
      clearTimeout(cut);
      resolve(reading);
    };
    call.on('error', () => done(null));
    call.on('close', () => done(null));
    call.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('error', () => done(null));
      response.on('data', (part: string) => {
        body += part;
        if (body.length > MOST_BYTES) call.destroy();
      });
      response.on('end', () => done(response.statusCode === 200 ? parseLoad(body) : null));
    });
    call.end();
  });
}

/** The metrics `weft_proxy_*` of the agent. */
function parseLoad(page: string): ProxyReading | null {
  const [requests, connections, cpuSeconds] = [
    'weft_proxy_requests_total',
    'weft_proxy_connections_active',
    'weft_proxy_cpu_seconds_total',
  ].map((name) => {
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1];
    return value === undefined ? NaN : Number(value);
  });
  const reading = { requests: requests!, connections: connections!, cpuSeconds: cpuSeconds! };
  return Object.values(reading).every((value) => Number.isFinite(value) && value >= 0) ? reading : null;
}
