import { formatApiVersion, renderTable, type JsonObject, type ResourceInfo } from '@weft/testing-kube-schema';
import type { KubeObject } from '../kube-object.js';
import type { ResponseForm } from '../request/negotiation.js';
import type { Stored } from '../storage/stored.js';
import { convertEvent } from './convert-event.js';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The object in the version that is asked for. Versions of a custom resource differ by name only (conversion strategy None). */
export function inVersion(object: KubeObject, info: ResourceInfo): KubeObject {
  const apiVersion = formatApiVersion(info);
  if (object.apiVersion === apiVersion) return object;
  return info.custom ? { ...object, apiVersion } : convertEvent(object, apiVersion);
}

/** The JSON in the version that is asked for; made once for each stored object in its own version. */
export function jsonOf(stored: Stored, info: ResourceInfo): string {
  return stored.object.apiVersion === formatApiVersion(info)
    ? stored.json
    : JSON.stringify(inVersion(stored.object, info));
}

const PARTIAL = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' };

/** Writes objects of one resource in the form that a client asked for: whole, as a table, or metadata only. */
export class ObjectWriter {
  #columnsSent = false;

  constructor(
    private readonly info: ResourceInfo,
    private readonly as: ResponseForm['as'],
    private readonly now: () => Date,
    private readonly includeObject: IncludeObject = 'Metadata',
  ) {}

  one(stored: Stored): string {
    if (this.as === 'object') return jsonOf(stored, this.info);
    if (this.as === 'partial') return JSON.stringify({ ...PARTIAL, metadata: stored.object.metadata });
    return JSON.stringify(this.#table([stored], { resourceVersion: String(stored.resourceVersion) }));
  }

  /** As `one`; the columns of a table are named only the first time. */
  watched(stored: Stored): string {
    if (this.as !== 'table') return this.one(stored);
    const table = this.#table([stored], { resourceVersion: String(stored.resourceVersion) });
    if (this.#columnsSent) table['columnDefinitions'] = null;
    this.#columnsSent = true;
    return JSON.stringify(table);
  }

  /** A bookmark's object: nothing but a version. */
  bookmark(resourceVersion: number, annotations?: Readonly<Record<string, string>>): string {
    const metadata = {
      resourceVersion: String(resourceVersion),
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    };
    if (this.as === 'table')
      return JSON.stringify({
        kind: 'Table',
        apiVersion: 'meta.k8s.io/v1',
        metadata,
        columnDefinitions: null,
        rows: null,
      });
    if (this.as === 'partial') return JSON.stringify({ ...PARTIAL, metadata });
    return JSON.stringify({ kind: this.info.kind, apiVersion: formatApiVersion(this.info), metadata });
  }

  /** In pieces, so that a list of a hundred thousand objects is never one string. */
  *list(items: readonly Stored[], metadata: JsonObject): Iterable<string> {
    if (this.as === 'table') {
      yield JSON.stringify(this.#table(items, metadata));
      return;
    }
    const head =
      this.as === 'partial'
        ? { kind: 'PartialObjectMetadataList', apiVersion: PARTIAL.apiVersion, metadata }
        : { kind: this.info.listKind, apiVersion: formatApiVersion(this.info), metadata };
    let piece = `${JSON.stringify(head).slice(0, -1)},"items":[`;
    for (let i = 0; i < items.length; i++) {
      if (i > 0) piece += ',';
      piece += this.as === 'partial' ? this.one(items[i]!) : jsonOf(items[i]!, this.info);
      if (piece.length > 256 * 1024) {
        yield piece;
        piece = '';
      }
    }
    yield `${piece}]}`;
  }

  #table(items: readonly Stored[], metadata: JsonObject): JsonObject {
    return renderTable(
      this.info,
      items.map((stored) => inVersion(stored.object, this.info)),
      { now: this.now(), includeObject: this.includeObject, metadata },
    );
  }
}
