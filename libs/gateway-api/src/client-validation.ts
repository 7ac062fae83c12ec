import { GATEWAY_API_GROUP, type GatewaySpec, type ParsedResource, type ReferenceGrantSpec } from '@weft/mesh-api';
import { mayRefer } from './reference-permission.js';
import { resolveRoots, type ResolvedRoots, type TrustBundles } from './trusted-roots.js';
import { fails, type Verdict } from './verdict.js';

/** How the certificates of clients are verified on a port. */
export interface ClientValidation extends ResolvedRoots {
  /** False: also clients without a certificate, or with one that is not valid, are let in. */
  readonly isStrict: boolean;
}

/** Null: clients are not asked for certificates. */
export type ClientValidations = (port: number) => ClientValidation | null;

export interface ClientValidationView {
  readonly bundleOf: TrustBundles;
  readonly grantsIn: (namespace: string) => readonly Pick<ParsedResource<ReferenceGrantSpec>, 'meta' | 'spec'>[];
}

const REASONS = {
  kind: 'InvalidCACertificateKind',
  reference: 'InvalidCACertificateRef',
  'not permitted': 'RefNotPermitted',
} as const;

/** What a Gateway says of the clients of its HTTPS listeners: what a port has of its own, else the default. */
export function clientValidations(
  namespace: string,
  tls: GatewaySpec['tls'],
  { bundleOf, grantsIn }: ClientValidationView,
): ClientValidations {
  const from = { group: GATEWAY_API_GROUP, kind: 'Gateway', namespace };
  return (port) => {
    const frontend = tls?.frontend;
    const { validation } = frontend?.perPort.find((one) => one.port === port)?.tls ?? frontend?.default ?? {};
    if (validation === undefined) return null;
    const roots = resolveRoots(namespace, validation.caCertificateRefs, {
      bundleOf,
      mayRefer: (to) => mayRefer(from, to, grantsIn(to.namespace)),
    });
    return { ...roots, isStrict: validation.mode === 'AllowValidOnly' };
  };
}

/** Whether a Gateway lets clients in anywhere that it could not verify. */
export function letsUnverifiedIn(tls: GatewaySpec['tls']): boolean {
  const all = [tls?.frontend?.default, ...(tls?.frontend?.perPort ?? []).map((one) => one.tls)];
  return all.some((one) => one?.validation?.mode === 'AllowInsecureFallback');
}

/** What there is to say of the references of a listener; null if all is well. */
export function clientValidationFault(
  validation: ClientValidation | null,
): { readonly accepted: Verdict | null; readonly resolvedRefs: Verdict } | null {
  if (validation === null || validation.fault === null) return null;
  const { cause, message } = validation.fault;
  const told = `spec.tls.frontend of the Gateway, caCertificateRefs: ${message}`;
  return {
    accepted: validation.roots === null ? fails('NoValidCACertificate', told) : null,
    resolvedRefs: fails(REASONS[cause], told),
  };
}
