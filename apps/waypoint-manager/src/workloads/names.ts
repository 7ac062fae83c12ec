import { createHash } from 'node:crypto';
import type { ObjectMeta } from '@weft/mesh-api';
import type { ProxyKind } from '../gateway-kind.js';

const MAX_NAME = 63;

export const ANNOTATION_NAME_OVERRIDE = 'gateway.istio.io/name-override';
export const ANNOTATION_SERVICE_ACCOUNT = 'gateway.istio.io/service-account';

/** Names of Services and values of labels have at most 63 characters; a Gateway may have 253. */
export function shortName(name: string): string {
  if (name.length <= MAX_NAME) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, MAX_NAME - hash.length - 1).replace(/[-.]+$/, '')}-${hash}`;
}

export function objectName(meta: ObjectMeta, className: string, { nameHasClass }: ProxyKind): string {
  const override = meta.annotations[ANNOTATION_NAME_OVERRIDE];
  if (override !== undefined && override !== '') return override;
  return shortName(nameHasClass ? `${meta.name}-${className}` : meta.name);
}
