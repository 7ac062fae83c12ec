export { CommandError, runCommand, type CommandOptions, type RunCommand } from './command.js';
export { iptablesHolds, iptablesRemovalInput, iptablesRestoreInput } from './iptables.js';
export * as marks from './marks.js';
export { nftablesHolds, nftablesInput, nftablesRemovalInput } from './nftables.js';
export {
  PodRedirection,
  RedirectionError,
  type RedirectionBackend,
  type RedirectionOptions,
} from './pod-redirection.js';
export { podRules, type Family, type PodRule, type PodRuleOptions } from './pod-rules.js';
export { ProbeBypass, type ProbeBypassOptions } from './probe-bypass.js';
