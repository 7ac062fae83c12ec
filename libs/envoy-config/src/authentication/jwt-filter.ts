import type { JwtRule } from '@weft/mesh-api';
import {
  JwtAuthentication,
  type JwtProvider,
  type JwtRequirement,
} from '@weft/xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config.js';
import type { Draft } from '../messages/draft.js';
import { filter } from '../messages/extension.js';
import { usableKeys } from './usable-keys.js';
import { JWT_FILTER, JWT_PAYLOAD } from './claim-matcher.js';

type Requirement = Draft<typeof JwtRequirement>;

/** Keys of an issuer by where they come from, as far as they are known. */
export type JwksLookup = (source: string) => string | undefined;

export interface JwtSettings {
  readonly jwksOf: JwksLookup;
  /** A key that has signed nothing and never will: tokens of an issuer whose keys are unknown are refused with it. */
  readonly unknownKeys: string;
}

/** Where the keys of a rule come from: its address, or the discovery document of its issuer; null if they are in it. */
export function jwksSource({ jwks, jwksUri, jwks_uri, issuer = '' }: JwtRule): string | null {
  if (jwks !== undefined && jwks !== '') return null;
  return jwksUri ?? jwks_uri ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** Tokens of these issuers are verified; a bad one is refused, none is let through. Null without rules. */
export function jwtFilter(rules: readonly JwtRule[], settings: JwtSettings): ReturnType<typeof filter> | null {
  if (rules.length === 0) return null;
  const sorted = rules.toSorted(byIssuer);
  const names = sorted.map((_, i) => `origins-${i}`);
  return filter(JWT_FILTER, JwtAuthentication, {
    providers: Object.fromEntries(sorted.map((rule, i) => [names[i]!, providerOf(rule, settings)])),
    rules: [
      {
        match: { pathSpecifier: { $case: 'prefix', value: '/' } },
        requirementType: { $case: 'requires', value: requirementOf(names) },
      },
    ],
    bypassCorsPreflight: true,
  });
}

function byIssuer({ issuer: a = '' }: JwtRule, { issuer: b = '' }: JwtRule): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** With several issuers each token is for one of them, and that one must find it good. */
function requirementOf(names: readonly string[]): Requirement {
  const provider = (name: string): Requirement => ({ requiresType: { $case: 'providerName', value: name } });
  const missing: Requirement = { requiresType: { $case: 'allowMissing', value: {} } };
  const any = (requirements: Requirement[]): Requirement => ({
    requiresType: { $case: 'requiresAny', value: { requirements } },
  });
  if (names.length === 1) return any([provider(names[0]!), missing]);
  const each = names.map((name) => any([provider(name), missing]));
  return any([...names.map(provider), { requiresType: { $case: 'requiresAll', value: { requirements: each } } }]);
}

function providerOf(rule: JwtRule, { jwksOf, unknownKeys }: JwtSettings): Draft<typeof JwtProvider> {
  const source = jwksSource(rule);
  const keys = usableKeys((source === null ? rule.jwks : jwksOf(source)) ?? '');
  return {
    issuer: rule.issuer ?? '',
    audiences: [...rule.audiences],
    jwksSourceSpecifier: {
      $case: 'localJwks',
      value: { specifier: { $case: 'inlineString', value: keys ?? unknownKeys } },
    },
    forward: rule.forwardOriginalToken ?? false,
    forwardPayloadHeader: rule.outputPayloadToHeader ?? '',
    payloadInMetadata: JWT_PAYLOAD,
    normalizePayloadInMetadata: { spaceDelimitedClaims: ['scope', 'permission', ...rule.spaceDelimitedClaims] },
    fromHeaders: rule.fromHeaders.map(({ name, prefix }) => ({ name, valuePrefix: prefix ?? '' })),
    fromParams: [...rule.fromParams],
    fromCookies: [...rule.fromCookies],
    claimToHeaders: rule.outputClaimToHeaders.map(({ header, claim }) => ({ headerName: header, claimName: claim })),
    // Routes may choose by claims.
    clearRouteCache: true,
  };
}
