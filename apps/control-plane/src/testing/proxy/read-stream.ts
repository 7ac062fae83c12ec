import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Place } from './http-client.js';

const DEADLINE_MS = 5000;

/** All that the other end says on a new connection; null if it is broken off. With a name: over TLS, asking for it. */
export function readStream(place: Place, serverName?: string): Promise<string | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket =
      serverName === undefined
        ? connectTcp(place)
        : connectTls({ ...place, servername: serverName, rejectUnauthorized: false });
    socket.setTimeout(DEADLINE_MS, () => socket.destroy());
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(text === '' ? null : text));
  });
}
