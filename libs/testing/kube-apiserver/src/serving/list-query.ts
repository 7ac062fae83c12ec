import {
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  type ResourceInfo,
} from '@weft/testing-kube-schema';
import { badRequest } from '../status-error.js';
import type { Stored } from '../storage/stored.js';
import { inVersion } from './object-writer.js';

export type Selects = (stored: Stored) => boolean;

/** The label and field selector of a query; undefined when there is none and everything is selected. */
export function parseSelects(info: ResourceInfo, query: URLSearchParams, name: string): Selects | undefined {
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  if (labelText === '' && fieldText === '' && name === '') return undefined;
  const labels = parseLabelSelector(labelText);
  if (!labels.ok) throw badRequest(`unable to parse requirement: ${labels.error}`);
  const fields = parseFieldSelector(info, fieldText);
  if (!fields.ok) throw badRequest(fields.error);
  return (stored) =>
    (name === '' || stored.name === name) &&
    (labelText === '' || matchesLabels(labels.value, stored.object.metadata.labels)) &&
    (fieldText === '' || matchesFields(info, fields.value, inVersion(stored.object, info)));
}

export interface VersionQuery {
  /** Undefined: not given. */
  readonly resourceVersion: number | undefined;
  readonly match: '' | 'Exact' | 'NotOlderThan';
}

/** Checks resourceVersion and resourceVersionMatch by the rules of Kubernetes. */
export function parseVersionQuery(query: URLSearchParams): VersionQuery {
  const text = query.get('resourceVersion') ?? '';
  if (text !== '' && !/^\d{1,15}$/.test(text))
    throw badRequest(`Invalid value: ${JSON.stringify(text)}: resourceVersion must be a number`);
  const match = query.get('resourceVersionMatch') ?? '';
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan') {
    throw badRequest(
      `resourceVersionMatch: Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan"`,
    );
  }
  if (match === 'Exact' && text === '0')
    throw badRequest(
      'resourceVersionMatch: Forbidden: resourceVersionMatch "Exact" is forbidden for resourceVersion "0"',
    );
  return { resourceVersion: text === '' ? undefined : Number(text), match };
}

export function parseCount(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  if (text === null || text === '') return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw badRequest(`${key}: Invalid value: ${JSON.stringify(text)}: must be a whole number`);
  return Number(text);
}

export const parseFlag = (query: URLSearchParams, key: string): boolean => ['true', '1'].includes(query.get(key) ?? '');
