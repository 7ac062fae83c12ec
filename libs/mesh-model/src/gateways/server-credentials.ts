import type { Credential, CredentialRoots } from '@weft/gateway-api';
import type { ServerTls } from '@weft/mesh-api';
import type { NamedCredential } from './ingress-gateway.js';
import type { ServerCredentials } from './istio-server.js';

export interface SecretView {
  /** Undefined: there is no such Secret. */
  readonly credential: Credential | undefined;
  readonly roots: CredentialRoots | undefined;
}

const NONE: ServerCredentials = { certificateNames: [], certificates: [], rootsName: null, roots: null };
/** Asked for, and never there: no handshake ends. */
const CLOSED: ServerCredentials = { ...NONE, certificateNames: ['kubernetes-gateway://invalid'] };
const VERIFYING = new Set<string | undefined>(['MUTUAL', 'OPTIONAL_MUTUAL']);

/** Secrets that a server names, in the namespace of the proxies. */
export function serverCredentials(
  tls: ServerTls | null,
  namespace: string,
  secretOf: (key: string) => SecretView,
): { readonly credentials: ServerCredentials; readonly faults: readonly string[] } {
  if (tls === null || tls.mode === 'ISTIO_MUTUAL') return { credentials: NONE, faults: [] };
  const faults = [...filesOf(tls), ...unusable(tls)];
  if (faults.length > 0) return { credentials: CLOSED, faults };
  const single = tls.credentialName ?? '';
  const names = (single === '' ? tls.credentialNames : [single]).map(bare);
  const certificates = names.flatMap((name): readonly NamedCredential[] => {
    const { credential } = secretOf(`${namespace}/${name}`);
    const certificate = credential?.certificate;
    if (certificate) return [{ name: resourceName(namespace, name), certificate }];
    faults.push(faultOf(`${namespace}/${name}`, credential?.fault));
    return [];
  });
  const credentials = {
    ...NONE,
    certificateNames: names.map((name) => resourceName(namespace, name)),
    certificates,
  };
  const asked = bare(tls.caCertCredentialName ?? '') || names[0];
  if (!VERIFYING.has(tls.mode) || asked === undefined) return { credentials, faults };
  const roots = secretOf(`${namespace}/${asked}-cacert`).roots ?? secretOf(`${namespace}/${asked}`).roots;
  const usable = roots !== undefined && roots.fault === null;
  if (!usable) faults.push(`no roots for clients: ${faultOf(`${namespace}/${asked}`, roots?.fault)}`);
  return {
    credentials: {
      ...credentials,
      rootsName: `${resourceName(namespace, asked)}-cacert`,
      roots: usable ? roots : null,
    },
    faults,
  };
}

/** A file that a proxy does not have would keep its port closed for everybody. */
const filesOf = (tls: ServerTls): readonly string[] =>
  (['serverCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const)
    .filter((name) => (tls[name] ?? '') !== '')
    .concat(tls.tlsCertificates.length > 0 ? ['serverCertificate'] : [])
    .slice(0, 1)
    .map((name) => `${name} is a file, which is not supported; use credentialName`);

const VERSIONS: readonly (string | undefined)[] = ['TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'];
const SPKI = /^[A-Za-z0-9+/]{43}=$/;
const HASH = /^[0-9a-f]{2}(:?[0-9a-f]{2}){31}$/i;

/** What Envoy would refuse, together with all that shares the port. */
function unusable({
  minProtocolVersion: min,
  maxProtocolVersion: max,
  verifyCertificateSpki,
  verifyCertificateHash,
}: ServerTls): readonly string[] {
  const [oldest, newest] = [VERSIONS.indexOf(min), VERSIONS.indexOf(max)];
  return [
    ...(oldest > newest && newest !== -1 ? [`minProtocolVersion ${min} is newer than ${max}; lower it`] : []),
    ...verifyCertificateSpki
      .filter((text) => !SPKI.test(text))
      .map((text) => `verifyCertificateSpki ${JSON.stringify(text)} is not a SHA-256 in base64; correct it`),
    ...verifyCertificateHash
      .filter((text) => !HASH.test(text))
      .map((text) => `verifyCertificateHash ${JSON.stringify(text)} is not a SHA-256 in hexadecimal; correct it`),
  ];
}

const bare = (name: string): string => name.replace(/^kubernetes:\/\//, '');
const resourceName = (namespace: string, name: string): string => `kubernetes-gateway://${namespace}/${name}`;

const faultOf = (key: string, fault: string | null | undefined): string =>
  fault === undefined ? `there is no Secret ${key}; create it or correct the name` : `Secret ${key}: ${fault ?? ''}`;
