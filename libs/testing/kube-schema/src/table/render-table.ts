import { asObject, type JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';
import * as cluster from './cluster-columns.js';
import type { Cell, Column } from './column.js';
import { customColumns } from './custom-columns.js';
import * as network from './network-columns.js';
import { POD_COLUMNS } from './pod-columns.js';
import * as workload from './workload-columns.js';

export interface TableOptions {
  readonly now: Date;
  /** Query parameter includeObject; default Metadata. */
  readonly includeObject?: 'None' | 'Metadata' | 'Object';
  /** `metadata` of the list or, for a single object, its resourceVersion. */
  readonly metadata?: JsonObject;
}

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  pods: POD_COLUMNS,
  services: network.SERVICE_COLUMNS,
  endpoints: network.ENDPOINTS_COLUMNS,
  endpointslices: network.ENDPOINT_SLICE_COLUMNS,
  ingresses: network.INGRESS_COLUMNS,
  ingressclasses: cluster.INGRESS_CLASS_COLUMNS,
  networkpolicies: network.NETWORK_POLICY_COLUMNS,
  deployments: workload.DEPLOYMENT_COLUMNS,
  replicasets: workload.REPLICA_SET_COLUMNS,
  replicationcontrollers: workload.REPLICATION_CONTROLLER_COLUMNS,
  daemonsets: workload.DAEMON_SET_COLUMNS,
  statefulsets: workload.STATEFUL_SET_COLUMNS,
  jobs: workload.JOB_COLUMNS,
  cronjobs: workload.CRON_JOB_COLUMNS,
  poddisruptionbudgets: workload.DISRUPTION_BUDGET_COLUMNS,
  horizontalpodautoscalers: workload.AUTOSCALER_COLUMNS,
  nodes: cluster.NODE_COLUMNS,
  namespaces: cluster.NAMESPACE_COLUMNS,
  configmaps: cluster.CONFIG_MAP_COLUMNS,
  secrets: cluster.SECRET_COLUMNS,
  serviceaccounts: cluster.SERVICE_ACCOUNT_COLUMNS,
  leases: cluster.LEASE_COLUMNS,
  events: cluster.EVENT_COLUMNS,
  persistentvolumes: cluster.PERSISTENT_VOLUME_COLUMNS,
  persistentvolumeclaims: cluster.PERSISTENT_VOLUME_CLAIM_COLUMNS,
  storageclasses: cluster.STORAGE_CLASS_COLUMNS,
  rolebindings: cluster.ROLE_BINDING_COLUMNS,
  clusterrolebindings: cluster.ROLE_BINDING_COLUMNS,
  roles: cluster.CREATED_COLUMNS,
  clusterroles: cluster.CREATED_COLUMNS,
  limitranges: cluster.CREATED_COLUMNS,
  customresourcedefinitions: cluster.CREATED_COLUMNS,
  priorityclasses: cluster.PRIORITY_CLASS_COLUMNS,
  controllerrevisions: cluster.CONTROLLER_REVISION_COLUMNS,
  mutatingwebhookconfigurations: cluster.WEBHOOK_COLUMNS,
  validatingwebhookconfigurations: cluster.WEBHOOK_COLUMNS,
  certificatesigningrequests: cluster.SIGNING_REQUEST_COLUMNS,
};

/** A meta.k8s.io/v1 Table as the real server prints it; columns with priority 1 are those of `-o wide`. Never throws. */
export function renderTable(resource: ResourceInfo, objects: readonly JsonObject[], options: TableOptions): JsonObject {
  const columns = resource.custom ? customColumns(resource) : (COLUMNS[resource.plural] ?? cluster.GENERIC_COLUMNS);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata ?? {},
    columnDefinitions: columns.map((column) => definition(column)),
    rows: objects.map((object) => ({
      cells: columns.map((column) => safeCell(column, object, options.now)),
      ...rowObject(object, options.includeObject ?? 'Metadata'),
    })),
  };
}

function definition(column: Column): JsonObject {
  return {
    name: column.name,
    type: column.type ?? 'string',
    format: column.format ?? '',
    description: '',
    priority: column.priority ?? 0,
  };
}

/** A strange object spoils its own cell, never the whole table. */
function safeCell(column: Column, object: JsonObject, now: Date): Cell {
  try {
    return column.cell(object, now);
  } catch {
    return '<invalid>';
  }
}

function rowObject(object: JsonObject, include: 'None' | 'Metadata' | 'Object'): JsonObject {
  switch (include) {
    case 'None':
      return {};
    case 'Object':
      return { object };
    case 'Metadata':
      return {
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: asObject(object['metadata']) },
      };
  }
}
