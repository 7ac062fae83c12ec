import {
  asList,
  asObject,
  labelSelectorOf,
  matchesLabels,
  type JsonObject,
  type ResourceInfo,
} from '@weft/testing-kube-schema';
import { labelsOf } from '../kube-object.js';
import type { AdmissionRequest } from '../objects/write-context.js';
import type { Store } from '../storage/store.js';
import type { TypeCatalog } from '../type-catalog.js';

const textList = (value: unknown): string[] => asList(value).filter((item): item is string => typeof item === 'string');
const has = (list: unknown, value: string): boolean => textList(list).some((item) => item === '*' || item === value);

function matchesResource(patterns: unknown, plural: string, subresource: string): boolean {
  return textList(patterns).some((pattern) => {
    const [resource = '', sub = ''] = pattern.split('/');
    if (resource !== '*' && resource !== plural) return false;
    if (pattern === '*') return subresource === '';
    return sub === '*' || sub === subresource;
  });
}

function matchesRule(rule: JsonObject, request: AdmissionRequest, info: ResourceInfo): boolean {
  const scope = rule['scope'] ?? '*';
  return (
    has(rule['operations'], request.operation) &&
    has(rule['apiGroups'], info.group) &&
    has(rule['apiVersions'], info.version) &&
    matchesResource(rule['resources'], info.plural, request.subresource) &&
    (scope === '*' || (scope === 'Namespaced') === info.namespaced)
  );
}

function matchesSelector(selector: unknown, labels: unknown): boolean {
  if (selector === undefined || selector === null) return true;
  const parsed = labelSelectorOf(selector);
  return parsed.ok && matchesLabels(parsed.value, labels);
}

function matchesNamespace(webhook: JsonObject, request: AdmissionRequest, store: Store): boolean {
  const { info, namespace, object, oldObject } = request;
  if (info.group === '' && info.plural === 'namespaces') {
    return matchesSelector(webhook['namespaceSelector'], (object ?? oldObject)?.metadata.labels);
  }
  if (!info.namespaced) return true;
  const live = store.bucket('namespaces').get('', namespace);
  return matchesSelector(webhook['namespaceSelector'], live === undefined ? {} : labelsOf(live.object));
}

/**
 * The version of the resource in which a webhook is to see the request: the request's own when a rule names it, else (matchPolicy
 * Equivalent, the default) another served version that a rule names; undefined when the webhook is not asked.
 */
export function webhookMatch(
  webhook: JsonObject,
  request: AdmissionRequest,
  store: Store,
  catalog: TypeCatalog,
): ResourceInfo | undefined {
  const { info, object, oldObject } = request;
  const rules = asList(webhook['rules']).map(asObject);
  const candidates = [info];
  if (webhook['matchPolicy'] !== 'Exact' && info.custom) {
    candidates.push(
      ...catalog.all().filter((each) => each !== info && each.group === info.group && each.plural === info.plural),
    );
  }
  const found = candidates.find((candidate) => rules.some((rule) => matchesRule(rule, request, candidate)));
  if (found === undefined || !matchesNamespace(webhook, request, store)) return undefined;
  const selector = webhook['objectSelector'];
  const selected = [object, oldObject].some((each) => each !== null && matchesSelector(selector, each.metadata.labels));
  return selected ? found : undefined;
}
