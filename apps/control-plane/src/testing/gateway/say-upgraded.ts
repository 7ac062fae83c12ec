import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { Place } from '../proxy/http-client.js';

const DEADLINE_MS = 5000;

/** What comes back for a text on a connection that was upgraded to a WebSocket; a status if it was not. */
export function sayUpgraded(place: Place, host: string, text: string): Promise<string | number> {
  return new Promise((resolve) => {
    const headers = { host, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const asked = request({ ...place, headers, agent: false, timeout: DEADLINE_MS });
    asked.on('upgrade', (_response, socket: Socket) => {
      socket.on('error', () => undefined);
      socket.setTimeout(DEADLINE_MS, () => socket.destroy());
      socket.once('data', (bytes) => {
        resolve(bytes.toString());
        socket.destroy();
      });
      socket.once('close', () => resolve(0));
      socket.write(text);
    });
    asked.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', () => resolve(0));
    asked.end();
  });
}
