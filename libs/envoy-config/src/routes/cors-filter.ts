import type { CorsPolicy as IstioCors, HttpRouteFilter } from '@weft/mesh-api';
import { CorsPolicy } from '@weft/xds/gen/envoy/extensions/filters/http/cors/v3/cors.js';
import { packAny, type PackedAny } from '../messages/any.js';
import { fractionalPercent } from './fraction.js';
import { exactly, matches, quoted, stringMatcher } from './string-matcher.js';

export const CORS_FILTER = 'envoy.filters.http.cors';

const ALWAYS = { defaultValue: fractionalPercent(100), runtimeKey: '' };

export function istioCors(cors: IstioCors): PackedAny {
  const origins = [
    ...cors.allowOrigins.map((origin) => stringMatcher(origin) ?? matches('.*')),
    ...cors.allowOrigin.map(originOf),
  ];
  return packAny(CorsPolicy, {
    allowOriginStringMatch: origins,
    allowMethods: cors.allowMethods.join(','),
    allowHeaders: cors.allowHeaders.join(','),
    exposeHeaders: cors.exposeHeaders.join(','),
    ...(cors.maxAge === undefined ? {} : { maxAge: String(Math.floor(cors.maxAge / 1000)) }),
    ...(cors.allowCredentials === undefined ? {} : { allowCredentials: cors.allowCredentials }),
    filterEnabled: ALWAYS,
    forwardNotMatchingPreflights: cors.unmatchedPreflights !== 'IGNORE',
  });
}

export function gatewayCors(cors: NonNullable<HttpRouteFilter['cors']>): PackedAny {
  return packAny(CorsPolicy, {
    allowOriginStringMatch: cors.allowOrigins.map(originOf),
    allowMethods: cors.allowMethods.join(','),
    allowHeaders: cors.allowHeaders.join(','),
    exposeHeaders: cors.exposeHeaders.join(','),
    maxAge: String(cors.maxAge),
    allowCredentials: cors.allowCredentials ?? false,
    filterEnabled: ALWAYS,
    forwardNotMatchingPreflights: false,
  });
}

/** `*` is any origin, `https://*.example.com` any below it. */
function originOf(origin: string) {
  if (origin === '*') return matches('.*');
  return origin.includes('*') ? matches(origin.split('*').map(quoted).join('.*')) : exactly(origin);
}
