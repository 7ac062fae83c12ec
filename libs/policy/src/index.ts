export { evaluatePolicies, type DryRunDecision, type PolicyDecision, type RuleHit } from './evaluate.js';
export { type PolicyConnection } from './evaluate-match.js';
export { compilePolicy, type CompiledPolicy, type PolicyScope } from './evaluate-policy.js';
