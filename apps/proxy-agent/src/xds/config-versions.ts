import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';

/** In which form the configuration goes: only what changed, or the state of the world. */
export type XdsProtocol = 'delta' | 'sotw';

export interface Rejection {
  readonly typeUrl: string;
  readonly version: string;
  readonly reason: string;
}

interface TypeVersions {
  /** Sent and not yet answered: version by nonce. */
  readonly waiting: Map<string, string>;
  accepted: string;
}

/**
 * Which configuration Envoy holds, read from its stream as that passes: what it was running when it crashed is then
 * known.
 */
export class ConfigVersions {
  readonly #types = new Map<string, TypeVersions>();

  /** A response on its way to Envoy; tells its type, null if it cannot be read. */
  sent(bytes: Buffer, protocol: XdsProtocol = 'delta'): string | null {
    const response = tryDecode(() => responseOf(bytes, protocol));
    if (response === null) return null;
    this.#type(response.typeUrl).waiting.set(response.nonce, response.version);
    return response.typeUrl;
  }

  /** A request of Envoy; tells a rejection. */
  answered(bytes: Buffer, protocol: XdsProtocol = 'delta'): Rejection | null {
    const request = tryDecode(() => (protocol === 'delta' ? DeltaDiscoveryRequest : DiscoveryRequest).decode(bytes));
    if (request === null || request.responseNonce === '') return null;
    const { typeUrl, responseNonce, errorDetail } = request;
    const type = this.#type(typeUrl);
    const version = type.waiting.get(responseNonce);
    type.waiting.delete(responseNonce);
    if (errorDetail !== undefined) return { typeUrl, version: version ?? '', reason: errorDetail.message };
    if (version !== undefined) type.accepted = version;
    return null;
  }

  /** The last accepted version by type, and what Envoy had been sent but not answered. */
  summary(): Readonly<Record<string, { readonly accepted: string; readonly unanswered: readonly string[] }>> {
    return Object.fromEntries(
      [...this.#types].map(([typeUrl, { accepted, waiting }]) => [
        typeUrl.slice(typeUrl.lastIndexOf('.') + 1),
        { accepted, unanswered: [...waiting.values()] },
      ]),
    );
  }

  #type(typeUrl: string): TypeVersions {
    let type = this.#types.get(typeUrl);
    if (type === undefined) {
      type = { waiting: new Map(), accepted: '' };
      this.#types.set(typeUrl, type);
    }
    return type;
  }
}

function responseOf(
  bytes: Buffer,
  protocol: XdsProtocol,
): { readonly typeUrl: string; readonly nonce: string; readonly version: string } {
  if (protocol === 'sotw') {
    const { typeUrl, nonce, versionInfo } = DiscoveryResponse.decode(bytes);
    return { typeUrl, nonce, version: versionInfo };
  }
  const { typeUrl, nonce, systemVersionInfo } = DeltaDiscoveryResponse.decode(bytes);
  return { typeUrl, nonce, version: systemVersionInfo };
}

function tryDecode<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch {
    return null;
  }
}
