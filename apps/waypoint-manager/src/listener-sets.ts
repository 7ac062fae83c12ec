import { listenerGroups, takesListenerSet, type ListenerGroup } from '@weft/gateway-api';
import { keyOf, type Informer, type KubeClient, type KubeObject, type Namespace, type ObjectIndex } from '@weft/kube';
import {
  GATEWAY_API_GROUP,
  LISTENER_SETS,
  type GatewaySpec,
  type ListenerSetSpec,
  type ObjectMeta,
} from '@weft/mesh-api';

interface Written<S> {
  readonly meta: ObjectMeta;
  readonly spec: S;
}

/** A ListenerSet that names a Gateway. */
export interface NamingSet extends Written<ListenerSetSpec> {
  readonly object: KubeObject;
  /** The Gateway takes it. */
  readonly isTaken: boolean;
}

/** Which ListenerSets add listeners to a Gateway. */
export class ListenerSets {
  readonly informer: Informer<KubeObject>;
  readonly #byGateway: ObjectIndex<KubeObject>;

  constructor(
    kube: KubeClient,
    private readonly namespaces: Informer<Namespace>,
    onChange: (gatewayKey: string) => void,
  ) {
    this.informer = kube.informer<KubeObject>(LISTENER_SETS);
    const tell = (...objects: KubeObject[]) => {
      for (const key of new Set(objects.flatMap(gatewaysOf))) onChange(key);
    };
    this.informer.on({ added: tell, updated: tell, deleted: tell });
    this.#byGateway = this.informer.index(gatewaysOf);
  }

  /** Key of the Gateway that a ListenerSet names; null if there is no such ListenerSet. */
  gatewayOf(namespace: string, name: string): string | null {
    const object = this.informer.get(namespace, name);
    return object === undefined ? null : (gatewaysOf(object)[0] ?? null);
  }

  naming(gateway: Written<GatewaySpec>): readonly NamingSet[] {
    return this.#byGateway.get(keyOf(gateway.meta.namespace, gateway.meta.name)).flatMap((object) => {
      const { meta, spec } = LISTENER_SETS.parse(object);
      if (spec === null || object.metadata?.deletionTimestamp !== undefined) return [];
      const { namespace } = meta;
      const labels = this.namespaces.get(undefined, namespace)?.metadata?.labels ?? {};
      return [{ object, meta, spec, isTaken: takesListenerSet(gateway, { namespace, labels }) }];
    });
  }

  groupsOf(gateway: Written<GatewaySpec>): readonly ListenerGroup[] {
    return listenerGroups(
      gateway,
      this.naming(gateway).filter(({ isTaken }) => isTaken),
    );
  }
}

function gatewaysOf(object: KubeObject): readonly string[] {
  const { meta, spec } = LISTENER_SETS.parse(object);
  const { kind, group, namespace = meta.namespace, name } = spec?.parentRef ?? { kind: '', group: '', name: '' };
  return kind === 'Gateway' && group === GATEWAY_API_GROUP ? [keyOf(namespace, name)] : [];
}
