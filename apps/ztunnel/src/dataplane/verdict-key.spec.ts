import type { InboundContext } from './messages.js';
import { verdictKey } from './verdict-key.js';

const context: InboundContext = {
  podUid: 'p',
  transport: 'hbone',
  source: '10.0.0.1:1111',
  destination: '10.0.0.2:15008',
  peerIdentity: 'spiffe://cluster.local/ns/a/sa/b',
  authority: '10.0.0.2:80',
  baggage: 'k8s.namespace.name=a',
  forwarded: 'for="10.0.0.1:1111";host=web.example',
};

describe('verdictKey', () => {
  it.each([
    ['the port of the source', { source: '10.0.0.1:2222' }],
    ['the `for` of `forwarded`', { forwarded: 'for="10.0.0.1:2222";host=web.example' }],
    ['the `for` of `forwarded`, unquoted', { forwarded: 'for=unknown;host=web.example' }],
  ])('is the same whatever %s', (_, change) => {
    expect(verdictKey({ ...context, ...change })).toBe(verdictKey(context));
  });

  it.each([
    ['source address', { source: '10.0.0.3:1111' }],
    ['source address, IPv6', { source: '[fd00::1]:1111' }],
    ['destination', { destination: '10.0.0.9:15008' }],
    ['identity', { peerIdentity: 'spiffe://cluster.local/ns/a/sa/c' }],
    ['no identity', { peerIdentity: null }],
    ['authority', { authority: '10.0.0.2:81' }],
    ['baggage', { baggage: '' }],
    ['host of `forwarded`', { forwarded: 'for="10.0.0.1:1111";host=other.example' }],
    ['network', { forwardedNetwork: 'east' }],
    ['transport', { transport: 'plaintext' as const }],
  ])('differs with another %s', (_, change) => {
    expect(verdictKey({ ...context, ...change })).not.toBe(verdictKey(context));
  });

  it('cannot be forged by a header that contains the separator: header values hold no line feed', () => {
    expect(verdictKey({ ...context, baggage: 'x', forwarded: 'y' })).not.toBe(
      verdictKey({ ...context, baggage: 'xy', forwarded: '' }),
    );
  });
});
