export { judgeBackendTls, type JudgedBackendTls } from './backend-tls.js';
export { certificateFault, type CredentialView } from './certificate-reference.js';
export {
  clientValidations,
  letsUnverifiedIn,
  type ClientValidation,
  type ClientValidations,
} from './client-validation.js';
export { CONTROLLERS, roleOfController } from './controllers.js';
export { CREDENTIAL_KEYS, readCredential, type Credential } from './credential.js';
export { CREDENTIAL_ROOT_KEYS, readCredentialRoots, type CredentialRoots } from './credential-roots.js';
export { commonHostname, covers, servedHostnames } from './hostnames.js';
export {
  groupStates,
  listenerGroups,
  ownerKey,
  takesListenerSet,
  type ListenerGroup,
  type ListenerGroupState,
  type ListenerOwner,
} from './listener-groups.js';
export {
  HBONE_PORT,
  isValid,
  listenerStates,
  type CertificateFault,
  type ListenerReferences,
  type ListenerState,
  type ProxyRole,
  type RouteKind,
} from './listener-state.js';
export { allowsNamespace, type NamespaceChoice } from './namespace-selection.js';
export { mayRefer, type Referent, type Referrer } from './reference-permission.js';
export {
  attachRoute,
  type AttachedListener,
  type Attachment,
  type GatewaySubject,
  type RouteSubject,
} from './route-attachment.js';
export {
  SERVICE_ROUTE_KINDS,
  supersedingKind,
  type ServicePortClaim,
  type ServiceRouteKind,
} from './route-precedence.js';
export { shortName } from './short-name.js';
export { readTrustBundle, TRUST_BUNDLE_KEY, type TrustBundle } from './trust-bundle.js';
export { type TrustBundles, type TrustedRoots } from './trusted-roots.js';
export { fails, holds, type Verdict } from './verdict.js';
