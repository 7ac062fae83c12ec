export { asList, asObject, asString, cloneJson, dig, equalJson, isObject, setKey, type JsonObject } from './json.js';
export { formatApiVersion, type GroupVersionKind } from './group-version-kind.js';
export { formatCauses, type Cause, type CauseReason } from './cause.js';
export { type CelRule, type Schema, type SchemaChecks, type SchemaType } from './schema.js';
export { type PrinterColumn, type ResourceInfo, type ScalePaths, type SubresourceInfo } from './resource-info.js';

// What is served.
export { builtinResources } from './registry/builtin-resources.js';
export { resourcesOfCrd } from './registry/crd-resources.js';

// The way of one object through a request: decode, prune, prepare, default, validate.
export { decodeProblems, type DecodeProblem } from './decode-problems.js';
export { prune } from './crd/prune.js';
export { defaultObject } from './default-object.js';
export { hasStatus, prepareCreate, prepareUpdate } from './prepare-object.js';
export { validateObject, type ObjectProblems } from './validate-object.js';
export { readScale, writeReplicas } from './scale.js';

// Patches.
export { jsonPatch } from './patch/json-patch.js';
export { mergePatch } from './patch/merge-patch.js';
export { strategicMerge } from './patch/strategic-merge.js';
export { type PatchError } from './patch/patch-error.js';

// Field ownership.
export { serverSideApply, type ApplyOutcome, type ApplyRequest } from './apply/server-side-apply.js';
export { trackUpdate, type UpdateRequest } from './apply/track-update.js';
export { FieldSet } from './apply/field-set.js';

// CustomResourceDefinitions.
export { checkCrd } from './crd/check-crd.js';
export { compileSchema } from './crd/compile-schema.js';
export { applySchemaDefaults } from './crd/apply-schema-defaults.js';
export { validateValue } from './crd/validate-value.js';

// Printing, selecting, describing.
export { renderTable, type TableOptions } from './table/render-table.js';
export {
  labelSelectorOf,
  matchesLabels,
  labelSelectorText,
  parseLabelSelector,
  type LabelRequirement,
  type LabelSelector,
} from './selector/label-selector.js';
export {
  matchesFields,
  parseFieldSelector,
  type FieldRequirement,
  type FieldSelector,
} from './selector/field-selector.js';
export { openApiV2 } from './openapi/open-api-v2.js';
export { openApiV3, openApiV3Index } from './openapi/open-api-v3.js';
export { parseQuantity } from './builtin/quantity.js';
