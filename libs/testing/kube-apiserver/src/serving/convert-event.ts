import { asObject, type JsonObject } from '@weft/testing-kube-schema';
import type { KubeObject } from '../kube-object.js';

/** [core/v1 name, events.k8s.io/v1 name] of the fields that the two forms of an Event call differently. */
const FIELD_NAMES: readonly (readonly [string, string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
];

/** One Event, told in the other group's words. */
export function convertEvent(event: KubeObject, apiVersion: string): KubeObject {
  const [from, to] = apiVersion === 'v1' ? [1, 0] : [0, 1];
  const renamed = new Map(FIELD_NAMES.map((names) => [names[from], names[to]]));
  const fields: JsonObject = {};
  for (const [key, value] of Object.entries(asObject(event))) fields[renamed.get(key) ?? key] = value;
  return { ...fields, apiVersion, kind: 'Event', metadata: event.metadata };
}
