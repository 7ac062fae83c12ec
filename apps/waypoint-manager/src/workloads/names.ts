import { shortName } from '@weft/gateway-api';
import type { ObjectMeta } from '@weft/mesh-api';
import type { ProxyKind } from '../gateway-kind.js';

const ANNOTATION_NAME_OVERRIDE = 'gateway.istio.io/name-override';
export const ANNOTATION_SERVICE_ACCOUNT = 'gateway.istio.io/service-account';

export function objectName(meta: ObjectMeta, className: string, { nameHasClass }: ProxyKind): string {
  const override = meta.annotations[ANNOTATION_NAME_OVERRIDE];
  if (override !== undefined && override !== '') return override;
  return shortName(nameHasClass ? `${meta.name}-${className}` : meta.name);
}
