import { parseSocketAddress } from '@weft/ip';
import type { InboundContext } from './messages.js';

const FORWARDED_FOR = /(^|;)\s*for=(?:"[^"]*"|[^;,]*)/gi;
/** How a Weft or Istio proxy writes it. */
const USUAL_START = 'for="';

/** `forwarded` without its `for`, which differs with each connection. */
export function forwardedWithoutClient(forwarded: string): string {
  if (forwarded.startsWith(USUAL_START)) {
    const rest = forwarded.slice(forwarded.indexOf('"', USUAL_START.length) + 1);
    if (!/for=/i.test(rest)) return rest;
  }
  return forwarded.replace(FORWARDED_FOR, '');
}

/** Keys of contexts that many streams share. */
const known = new WeakMap<InboundContext, string>();

/** What two contexts have in common when one verdict serves both: all but the client's port and the `for` of `forwarded`. */
export function verdictKey(context: InboundContext): string {
  let key = known.get(context);
  if (key === undefined) {
    key = keyOf(context);
    if (context.transport === 'hbone') known.set(context, key);
  }
  return key;
}

function keyOf(context: InboundContext): string {
  const source = parseSocketAddress(context.source)?.ip.text ?? context.source;
  return [
    context.transport,
    source,
    context.destination,
    context.peerIdentity ?? '',
    context.authority ?? '',
    context.baggage ?? '',
    context.forwarded === undefined ? '' : forwardedWithoutClient(context.forwarded),
    context.forwardedNetwork ?? '',
  ].join('\n');
}
