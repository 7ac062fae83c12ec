import { compileSchema } from '../crd/compile-schema.js';
import { asList, asObject, asString, dig, isObject, type JsonObject } from '../json.js';
import type { PrinterColumn, ResourceInfo, ScalePaths, SubresourceInfo } from '../resource-info.js';

const VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const SUBRESOURCE_VERBS = ['get', 'patch', 'update'];

/**
 * The resources that an accepted CustomResourceDefinition serves, one for each served version.
 * The storage version is found by `spec.versions[].storage`; a schema that does not compile leaves `schema` out (and accepts anything).
 */
export function resourcesOfCrd(crd: JsonObject): readonly ResourceInfo[] {
  return asList(dig(crd, 'spec', 'versions'))
    .filter((version): version is JsonObject => isObject(version) && version['served'] === true)
    .map((version) => resourceOf(crd, version));
}

function resourceOf(crd: JsonObject, version: JsonObject): ResourceInfo {
  const spec = asObject(crd['spec']);
  const names = asObject(spec['names']);
  const group = asString(spec['group']);
  const kind = asString(names['kind']);
  const type = { group, version: asString(version['name']), kind };
  const subresources = asObject(version['subresources']);
  const scale = scalePaths(subresources['scale']);
  const schema = dig(version, 'schema', 'openAPIV3Schema');
  const compiled = schema === undefined ? undefined : compileSchema(schema);
  const plainStatus = !isObject(subresources['status']);
  const columns = asList(version['additionalPrinterColumns']).filter(isObject);
  const listed: SubresourceInfo[] = [
    ...(isObject(subresources['status']) ? [{ name: 'status', kind: type, verbs: SUBRESOURCE_VERBS }] : []),
    ...(scale === undefined
      ? []
      : [{ name: 'scale', kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: SUBRESOURCE_VERBS }]),
  ];
  return {
    ...type,
    listKind: asString(names['listKind']) || `${kind}List`,
    plural: asString(names['plural']),
    singular: asString(names['singular']) || kind.toLowerCase(),
    shortNames: strings(names['shortNames']),
    categories: strings(names['categories']),
    namespaced: spec['scope'] === 'Namespaced',
    verbs: VERBS,
    subresources: listed,
    ...(scale === undefined ? {} : { scale }),
    ...(compiled?.ok === true ? { schema: { ...compiled.value, plainStatus } } : {}),
    custom: true,
    virtual: false,
    ...(columns.length === 0 ? {} : { printerColumns: columns.map((column) => printerColumn(column)) }),
    selectableFields: asList(version['selectableFields']).map((item) =>
      asString(dig(item, 'jsonPath')).replace(/^\./, ''),
    ),
    hasGeneration: true,
  };
}

function scalePaths(scale: unknown): ScalePaths | undefined {
  if (!isObject(scale)) return undefined;
  const selector = asString(scale['labelSelectorPath']);
  return {
    specReplicasPath: asString(scale['specReplicasPath']),
    statusReplicasPath: asString(scale['statusReplicasPath']),
    ...(selector === '' ? {} : { labelSelectorPath: selector }),
  };
}

function printerColumn(column: JsonObject): PrinterColumn {
  return {
    name: asString(column['name']),
    type: asString(column['type']),
    jsonPath: asString(column['jsonPath']),
    ...(typeof column['format'] === 'string' ? { format: column['format'] } : {}),
    ...(typeof column['description'] === 'string' ? { description: column['description'] } : {}),
    ...(typeof column['priority'] === 'number' ? { priority: column['priority'] } : {}),
  };
}

function strings(value: unknown): readonly string[] {
  return asList(value).filter((item): item is string => typeof item === 'string');
}
