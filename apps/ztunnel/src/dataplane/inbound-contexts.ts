import type { HboneRequest } from '@weft/hbone';
import type { InboundContext } from './messages.js';
import { forwardedWithoutClient } from './verdict-key.js';

/** Distinct contexts remembered for one tunnel. */
const MOST_KNOWN = 256;

type Common = Pick<InboundContext, 'podUid' | 'transport' | 'source' | 'destination' | 'peerIdentity'>;

/**
 * The contexts of one tunnel's streams. Those that are equal (see `InboundContext`) are one object, so that what is made of
 * it, its key first of all, is made once.
 */
export class InboundContexts {
  readonly #known = new Map<string, InboundContext>();

  constructor(private readonly common: Common) {}

  of({ authority, headers }: HboneRequest): InboundContext {
    let baggage: string | undefined;
    let forwarded: string | undefined;
    let forwardedNetwork: string | undefined;
    for (const [name, value] of headers) {
      if (name === 'baggage') baggage = joined(baggage, value);
      else if (name === 'forwarded') forwarded = joined(forwarded, value);
      else if (name === 'x-forwarded-network') forwardedNetwork = joined(forwardedNetwork, value);
    }
    // No header value holds a line feed.
    const rest = forwarded === undefined ? '' : `f${forwardedWithoutClient(forwarded)}`;
    const key = `${authority}\n${baggage ?? '\n'}\n${rest}\n${forwardedNetwork ?? '\n'}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    const context: InboundContext = {
      ...this.common,
      authority,
      ...(baggage === undefined ? {} : { baggage }),
      ...(forwarded === undefined ? {} : { forwarded }),
      ...(forwardedNetwork === undefined ? {} : { forwardedNetwork }),
    };
    this.#known.set(key, context);
    return context;
  }
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`;
}
