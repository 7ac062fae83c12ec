import { isDeepStrictEqual } from 'node:util';
import { StatusWriter, type KubeClient, type KubeLog, type KubeObject } from '@weft/kube';
import { SERVICE_ENTRIES } from '@weft/mesh-api';
import {
  AddressAllocator,
  automaticRangesOf,
  type AddressNeed,
  type AddressRequest,
  type HostAddress,
  type MeshModel,
} from '@weft/mesh-model';

type Entry = KubeObject & { status?: { addresses?: readonly HostAddress[] } };

export interface AutomaticAddressWriterOptions {
  readonly kube: KubeClient;
  readonly model: MeshModel;
  readonly log: KubeLog;
}

/** Another one than those of the conditions, so that each is complete by itself. */
const FIELD_MANAGER = 'weft-control-plane-addresses';

/** Gives ServiceEntries without addresses some, in `status.addresses`, from which every replica reads them. */
export class AutomaticAddressWriter {
  readonly #writer: StatusWriter<Entry>;
  /** Told of, so that each shortage is told of once. */
  readonly #short = new Set<string>();

  constructor(private readonly options: AutomaticAddressWriterOptions) {
    const { kube, log } = options;
    this.#writer = new StatusWriter<Entry>({ kube, type: SERVICE_ENTRIES, fieldManager: FIELD_MANAGER, log });
  }

  start(): Promise<void> {
    return this.#writer.start();
  }

  stop(hard: AbortSignal): Promise<void> {
    return this.#writer.stop(hard);
  }

  /**
   * Gives until the returned function is called; for the leader only. What a leader before it gave stands in the statuses; of
   * what was not written yet nobody has heard.
   */
  lead(): () => void {
    const { model } = this.options;
    const allocator = new AddressAllocator(automaticRangesOf(model.config));
    return model.addressNeeds.subscribe((events) => {
      const released: string[] = [];
      const needs: AddressNeed[] = [];
      for (const event of events) {
        if (event.kind !== 'deleted') needs.push(event.newValue);
        else if (isRequest(event.oldValue)) released.push(event.key);
        else needs.push({ key: event.key, addresses: [] });
      }
      const reserved = needs.flatMap((need) => (isRequest(need) ? [] : [need]));
      for (const key of released) this.#forget(key);
      for (const key of allocator.apply({ requests: needs.filter(isRequest), released, reserved }))
        this.#reconcile(key, allocator);
    });
  }

  #reconcile(key: string, allocator: AddressAllocator): void {
    const { kube, model, log } = this.options;
    const entry = model.sources.serviceEntries.get(key) as Entry | undefined;
    const need = model.addressNeeds.get(key);
    if (entry === undefined || entry.metadata?.deletionTimestamp !== undefined) return;
    const addresses = allocator.addressesOf(key);
    if (need !== undefined && isRequest(need) && !isDeepStrictEqual(need.written, addresses)) {
      // What was written last may have been overwritten since by somebody else.
      this.#writer.forget(entry);
      this.#writer.set(entry, { addresses });
    }
    if (!allocator.isShort(key)) this.#short.delete(key);
    else if (!this.#short.has(key)) {
      this.#short.add(key);
      const message = 'no automatic address is left for a host; set spec.addresses, or widen the range';
      kube.event({ ...entry, ...KIND }, 'Warning', 'AddressesUsedUp', message);
      log.warn({ serviceEntry: key }, message);
    }
  }

  #forget(key: string): void {
    const [namespace, name] = key.split('/');
    this.#writer.forget({ metadata: { namespace, name } } as Entry);
    this.#short.delete(key);
  }
}

const KIND = { apiVersion: SERVICE_ENTRIES.apiVersion, kind: SERVICE_ENTRIES.kind };
const isRequest = (need: AddressNeed): need is AddressRequest => 'hosts' in need;
