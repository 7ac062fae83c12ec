import type { FuzzTarget } from '@weft/testing-fuzz';
import { verdictKey } from '../dataplane/verdict-key.js';
import { forwardedHost } from '../inbound/attribute-service.js';

const WORDS = ['for=', 'host=', '"', ';', ',', '\\', ' ', 'by=', 'proto=', 'FOR="[::1]:1"', 'host="a.b"', '\0', '\xff'];

/** `forwarded` as it comes from a peer that may lie, and the key that decides which verdict such a request shares. */
export const forwardedFuzz: FuzzTarget = {
  name: 'forwarded',
  maxBytes: 8192,
  seeds: () =>
    [
      'for="10.0.0.1:1234"',
      'for="10.0.0.1:1234";host=web.shop.svc.cluster.local',
      'for="[2001:db8::1]:80"; host="web.shop"; proto=https',
      'by=x, for=1.2.3.4;host=a, for=5.6.7.8;host=b',
      `host=${'a'.repeat(300)}`,
      'for="'.repeat(100),
    ].map((text) => Buffer.from(text)),
  words: WORDS.map((word) => Buffer.from(word, 'latin1')),
  run: (input) => {
    const forwarded = input.toString('latin1');
    const host = forwardedHost(forwarded);
    if (host !== null && !/^[\x21-\x7e]{1,255}$/.test(host))
      throw new Error(`a host that is none: ${JSON.stringify(host)}`);
    const key = (text: string, port: number): string =>
      verdictKey({
        podUid: 'pod',
        transport: 'hbone',
        source: `10.0.0.1:${port}`,
        destination: '10.0.0.2:15008',
        peerIdentity: null,
        forwarded: text,
      });
    if (key(forwarded, 1) !== key(forwarded, 2)) throw new Error('the port of the client is in the key');
    // Two requests that name different services must never share a verdict.
    const other = `${forwarded};host=other.example`;
    const sameKey = key(forwarded, 1) === key(other, 1);
    if (sameKey && host !== forwardedHost(other))
      throw new Error(`one key for ${JSON.stringify(host)} and another host`);
    return `${host === null ? 'no host' : `host of ${Math.ceil(host.length / 50)}`} ${forwarded.includes('"')}`;
  },
};
