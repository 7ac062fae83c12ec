import type { BackendTlsPolicySpec } from '@weft/mesh-api';
import { resolveRoots, type TrustBundles, type TrustedRoots } from './trusted-roots.js';
import { fails, holds, type Verdict } from './verdict.js';

/** What there is to say of a BackendTLSPolicy by itself. */
export interface JudgedBackendTls {
  readonly accepted: Verdict;
  readonly resolvedRefs: Verdict;
  /** Null: nothing can be verified, and no connection may be opened. */
  readonly roots: TrustedRoots | null;
}

const SYSTEM = 'System';
const REASONS = {
  kind: 'InvalidKind',
  reference: 'InvalidCACertificateRef',
  'not permitted': 'RefNotPermitted',
} as const;

/** @see Gateway API, BackendTLSPolicyValidation */
export function judgeBackendTls(
  namespace: string,
  { caCertificateRefs, wellKnownCACertificates }: BackendTlsPolicySpec['validation'],
  bundleOf: TrustBundles,
): JudgedBackendTls {
  const resolved = holds('ResolvedRefs', 'All references resolved');
  const accepted = holds('Accepted', 'Policy accepted');
  if (caCertificateRefs.length === 0)
    return wellKnownCACertificates === SYSTEM
      ? { accepted, resolvedRefs: resolved, roots: { kind: 'system' } }
      : { accepted: fails('Invalid', unknownRoots(wellKnownCACertificates)), resolvedRefs: resolved, roots: null };
  const { roots, fault } = resolveRoots(namespace, caCertificateRefs, { bundleOf, mayRefer: () => false });
  if (fault === null) return { accepted, resolvedRefs: resolved, roots };
  const message = `spec.validation.caCertificateRefs: ${fault.message}`;
  return {
    accepted: roots === null ? fails('NoValidCACertificate', message) : accepted,
    resolvedRefs: fails(REASONS[fault.cause], message),
    roots,
  };
}

const unknownRoots = (name: string | undefined): string =>
  name === undefined
    ? `spec.validation: names no roots; set caCertificateRefs, or wellKnownCACertificates: ${SYSTEM}`
    : `spec.validation.wellKnownCACertificates: ${JSON.stringify(name)} is not known; use ${SYSTEM}`;
