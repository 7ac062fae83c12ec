import { parseSocketAddress } from '@weft/ip';
import type { InboundContext } from './messages.js';

const FORWARDED_FOR = /(^|;)\s*for=(?:"[^"]*"|[^;,]*)/gi;

/** What two contexts have in common when one verdict serves both: all but the client's port and the `for` of `forwarded`. */
export function verdictKey(context: InboundContext): string {
  const source = parseSocketAddress(context.source)?.ip.text ?? context.source;
  return [
    context.transport,
    source,
    context.destination,
    context.peerIdentity ?? '',
    context.authority ?? '',
    context.baggage ?? '',
    context.forwarded?.replace(FORWARDED_FOR, '') ?? '',
    context.forwardedNetwork ?? '',
  ].join('\n');
}
