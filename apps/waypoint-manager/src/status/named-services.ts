import { objectKey, SERVICES, type Informer, type KubeClient, type KubeService } from '@weft/kube';
import { GATEWAYS } from '@weft/mesh-api';
import type { KubeObject } from '@weft/kube';
import { askedAddresses, serviceOfHostname } from '../workloads/asked-addresses.js';
import { identityOf } from './object-identity.js';

export interface NamedService {
  readonly hostname: string;
  /** Null: there is none. */
  readonly service: KubeService | null;
}

export interface NamedServicesOptions {
  readonly kube: KubeClient;
  readonly gateways: Pick<Informer<KubeObject>, 'list'>;
  readonly clusterDomain: string;
  /** Of a Gateway that names a Service which changed. */
  readonly onChange: (key: string) => void;
}

/** The Services that Gateways name in `spec.addresses`: whoever made them, it was not us. */
export class NamedServices {
  readonly informer: Informer<KubeService>;

  constructor(private readonly options: NamedServicesOptions) {
    this.informer = options.kube.informer(SERVICES, { transform: onlyAddresses });
    const changed = (service: KubeService): void => {
      const key = objectKey(service);
      for (const gateway of options.gateways.list())
        if (this.#keysOf(gateway).includes(key)) options.onChange(objectKey(gateway));
    };
    this.informer.on({ added: changed, updated: changed, deleted: changed });
  }

  /** In the order of the addresses. */
  of(gateway: KubeObject): readonly NamedService[] {
    return this.#hostnamesOf(gateway).map((hostname) => {
      const { namespace, name } = this.#placeOf(gateway, hostname) ?? {};
      return { hostname, service: name === undefined ? null : (this.informer.get(namespace, name) ?? null) };
    });
  }

  #hostnamesOf(gateway: KubeObject): readonly string[] {
    const { spec } = GATEWAYS.parse(gateway);
    return spec === null ? [] : askedAddresses(spec).hostnames;
  }

  #keysOf(gateway: KubeObject): readonly string[] {
    return this.#hostnamesOf(gateway).flatMap((hostname) => {
      const place = this.#placeOf(gateway, hostname);
      return place === null ? [] : [`${place.namespace}/${place.name}`];
    });
  }

  #placeOf({ metadata }: KubeObject, hostname: string) {
    return serviceOfHostname(hostname, {
      namespace: metadata?.namespace ?? '',
      clusterDomain: this.options.clusterDomain,
    });
  }
}

/** Clusters have many Services, of which little is told. */
function onlyAddresses({ metadata, spec, status }: KubeService): KubeService {
  return {
    metadata: identityOf(metadata),
    ...(spec?.type !== undefined && { spec: { type: spec.type } }),
    ...(status !== undefined && { status }),
  };
}
