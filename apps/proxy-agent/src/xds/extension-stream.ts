import { EXTENSION_TYPE_URL } from '@weft/xds';
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '@weft/xds/gen/envoy/service/discovery/v3/discovery.js';
import type { Any } from '@weft/xds/gen/google/protobuf/any.js';
import type { Converted, WasmExtensions } from '../wasm/wasm-extensions.js';
import type { XdsProtocol } from './config-versions.js';

/** Of a version that Envoy does not really have: when it says so on its next stream, it is sent the real one. */
const NOT_REALLY = '-without-module';
/** `INTERNAL`, as Envoy rejects with. */
const REJECTED = 13;

/**
 * Extensions on one stream of Envoy: responses are changed on their way to it, and what it acknowledges of them is turned into a
 * rejection where a module is missing, so that the control plane knows.
 */
export class ExtensionStream {
  /** Why modules are missing, by the nonce of the response. */
  readonly #faults = new Map<string, string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly extensions: Pick<WasmExtensions, 'convert' | 'forget'>,
    private readonly protocol: XdsProtocol,
  ) {}

  /** One after the other: what comes later must not overtake. */
  response(bytes: Buffer): Promise<Buffer> {
    const next = this.#last.then(() => (this.protocol === 'delta' ? this.#delta(bytes) : this.#sotw(bytes)));
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** A request of Envoy, as the control plane is to see it. */
  request(bytes: Buffer): Buffer {
    if (this.protocol === 'delta') {
      const request = DeltaDiscoveryRequest.decode(bytes);
      if (request.typeUrl !== EXTENSION_TYPE_URL) return bytes;
      this.extensions.forget(request.resourceNamesUnsubscribe);
      const fault = this.#faultOf(request.responseNonce);
      if (fault === null || request.errorDetail !== undefined) return bytes;
      return Buffer.from(DeltaDiscoveryRequest.encode({ ...request, errorDetail: status(fault) }).finish());
    }
    const request = DiscoveryRequest.decode(bytes);
    const fault = request.typeUrl === EXTENSION_TYPE_URL ? this.#faultOf(request.responseNonce) : null;
    if (fault === null || request.errorDetail !== undefined) return bytes;
    return Buffer.from(DiscoveryRequest.encode({ ...request, versionInfo: '', errorDetail: status(fault) }).finish());
  }

  #faultOf(nonce: string): string | null {
    const fault = this.#faults.get(nonce) ?? null;
    this.#faults.delete(nonce);
    return fault;
  }

  async #delta(bytes: Buffer): Promise<Buffer> {
    const response = DeltaDiscoveryResponse.decode(bytes);
    this.extensions.forget(response.removedResources);
    const converted = await Promise.all(response.resources.map(({ resource }) => this.#convert(resource)));
    this.#remember(response.nonce, converted);
    const resources = response.resources.map((one, i) => {
      const found = converted[i] ?? null;
      if (found === null || one.resource === undefined) return one;
      const version = found.fault === null ? one.version : `${one.version}${NOT_REALLY}`;
      return { ...one, version, resource: { ...one.resource, value: Buffer.from(found.body) } };
    });
    return Buffer.from(DeltaDiscoveryResponse.encode({ ...response, resources }).finish());
  }

  async #sotw(bytes: Buffer): Promise<Buffer> {
    const response = DiscoveryResponse.decode(bytes);
    const converted = await Promise.all(response.resources.map((one) => this.#convert(one)));
    this.#remember(response.nonce, converted);
    const resources = response.resources.map((one, i) => {
      const found = converted[i] ?? null;
      return found === null ? one : { ...one, value: Buffer.from(found.body) };
    });
    const faulty = converted.some((one) => one !== null && one.fault !== null);
    const versionInfo = faulty ? `${response.versionInfo}${NOT_REALLY}` : response.versionInfo;
    return Buffer.from(DiscoveryResponse.encode({ ...response, versionInfo, resources }).finish());
  }

  async #convert(resource: Any | undefined): Promise<Converted | null> {
    return resource === undefined ? null : this.extensions.convert(resource.value);
  }

  #remember(nonce: string, converted: readonly (Converted | null)[]): void {
    const faults = converted.flatMap((one) =>
      one === null || one.fault === null ? [] : [`${one.name}: ${one.fault}`],
    );
    if (faults.length > 0) this.#faults.set(nonce, faults.join('; '));
  }
}

const status = (message: string) => ({
  $type: 'google.rpc.Status' as const,
  code: REJECTED,
  message,
  details: [],
});
