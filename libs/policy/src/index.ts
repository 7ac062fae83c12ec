export { evaluatePolicies, type DryRunDecision, type PolicyDecision, type RuleHit } from './evaluate.js';
export { type PolicyConnection } from './evaluate-match.js';
export { compilePolicy, type CompiledPolicy, type PolicyScope } from './evaluate-policy.js';
export {
  convertAuthorizationPolicy,
  type ConvertedAuthorizationPolicy,
  type PolicyConversionOptions,
  type PolicyVerdict,
} from './convert-authorization-policy.js';
export {
  convertedPeerAuthenticationName,
  convertPeerAuthentication,
  effectiveMtls,
  mtlsPolicyOf,
  STATIC_STRICT_POLICY,
  staticStrictPolicy,
  type EffectiveMtls,
  type PeerAuthenticationScopes,
} from './convert-peer-authentication.js';
export { evaluateRequest, type RequestDecision } from './request/evaluate-request.js';
export { type RequestAttributes } from './request/request-attributes.js';
