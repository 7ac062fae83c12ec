import { describe, type FieldReader } from '../field-reader.js';
import { list, texts } from '../schema/collection-fields.js';
import { vital, type TypeOf } from '../schema/field.js';
import { object, type ObjectOf } from '../schema/object-field.js';
import { choice, flag, text } from '../schema/scalar-fields.js';

const VERSIONS = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'] as const;

/** How a proxy connects to a service. What cannot be read in it must not make the connection less safe. */
export const clientTls = vital(
  object(
    'TLS to the service.',
    {
      mode: choice('Default DISABLE.', ['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']),
      clientCertificate: text('File of the client certificate.'),
      privateKey: text('File of its key.'),
      caCertificates: text('File of the roots that the service is verified with.'),
      credentialName: text('Secret with the certificates.'),
      subjectAltNames: texts('Names that the certificate of the service may have.'),
      sni: text('Name that is asked for in the handshake.'),
      insecureSkipVerify: flag('The certificate of the service is not verified.'),
      caCrl: text('File of a certificate revocation list.'),
    },
    { whole: true, refine: checkClientTls },
  ),
);
export type ClientTls = TypeOf<typeof clientTls>;

const FILES = ['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const;
type ClientAt = Readonly<
  Record<(typeof FILES)[number] | 'credentialName' | 'insecureSkipVerify' | 'subjectAltNames', FieldReader>
>;

function checkClientTls<
  T extends {
    readonly mode?: string | undefined;
    readonly credentialName?: string;
    readonly insecureSkipVerify?: boolean;
  },
>(value: T, at: ClientAt, self: FieldReader): T | undefined {
  const before = self.errorCount;
  const { mode = 'DISABLE', credentialName = '' } = value;
  const written = FILES.filter((name) => at[name].present);
  if (credentialName !== '')
    for (const name of written) at[name].error('is set beside credentialName', 'keep one of them: the Secret has it');
  const slashed = credentialName.replace(/^(kubernetes|kubernetes-gateway|configmap|builtin|invalid):\/\//, '');
  if (slashed.includes('/')) at.credentialName.error('names another namespace', 'copy the Secret to this namespace');
  if (mode === 'MUTUAL' && credentialName === '') {
    for (const name of ['clientCertificate', 'privateKey'] as const)
      if (!at[name].present) self.error(`has mode MUTUAL without ${name}`, `set ${name}, or credentialName`);
  }
  if (mode === 'ISTIO_MUTUAL')
    for (const name of ['clientCertificate', 'privateKey', 'caCertificates'] as const)
      if (at[name].present)
        at[name].error('is set with mode ISTIO_MUTUAL', 'remove it: the mesh gives the certificates');
  if (value.insecureSkipVerify === true)
    for (const name of ['caCertificates', 'subjectAltNames'] as const)
      if (at[name].present)
        at[name].error('is set beside insecureSkipVerify', 'remove one of them: nothing is verified');
  return self.errorCount > before ? undefined : value;
}

const serverTlsFields = {
  httpsRedirect: flag('Every request over HTTP is answered with its HTTPS address.'),
  mode: choice('Default PASSTHROUGH.', [
    'PASSTHROUGH',
    'SIMPLE',
    'MUTUAL',
    'AUTO_PASSTHROUGH',
    'ISTIO_MUTUAL',
    'OPTIONAL_MUTUAL',
  ]),
  serverCertificate: text('File of the certificate.'),
  privateKey: text('File of its key.'),
  caCertificates: text('File of the roots that clients are verified with.'),
  caCrl: text('File of a certificate revocation list.'),
  tlsCertificates: list(
    'Certificates of several key types.',
    object('A certificate.', {
      serverCertificate: text('File of the certificate.'),
      privateKey: text('File of its key.'),
      caCertificates: text('Not used here.'),
    }),
    { maxItems: 2 },
  ),
  credentialName: text('Secret with the certificates.'),
  credentialNames: texts('Secrets with certificates of several key types.', { maxItems: 2 }),
  caCertCredentialName: text('Secret or ConfigMap with the roots that clients are verified with.'),
  subjectAltNames: texts('Names that the certificate of a client may have.'),
  verifyCertificateSpki: texts('Base64 SHA-256 of public keys that a client may have.'),
  verifyCertificateHash: texts('Hexadecimal SHA-256 of certificates that a client may have.'),
  minProtocolVersion: choice('Oldest version. Default TLSV1_2.', VERSIONS),
  maxProtocolVersion: choice('Newest version.', VERSIONS),
  cipherSuites: texts('Ciphers, for versions below 1.3.'),
  insecureSkipVerify: flag('The certificate of the client is not verified.'),
} as const;

/** How a gateway or sidecar takes connections. */
export const serverTls = vital(
  object('TLS of the server.', serverTlsFields, {
    whole: true,
    refine: (value, at, self) => {
      const before = self.errorCount;
      checkServerTls(value, at, self);
      const cipherSuites = value.cipherSuites.filter((name) => CIPHERS.has(name));
      return self.errorCount > before ? undefined : { ...value, cipherSuites };
    },
  }),
);
export type ServerTls = TypeOf<typeof serverTls>;

type ServerAt = Readonly<Record<keyof typeof serverTlsFields, FieldReader>>;
type ServerValue = ObjectOf<typeof serverTlsFields>;
const CERTIFICATE_FIELDS = ['serverCertificate', 'privateKey', 'caCertificates', 'credentialName'] as const;
const CREDENTIALS = ['credentialName', 'credentialNames', 'tlsCertificates'] as const;

function checkServerTls(value: ServerValue, at: ServerAt, self: FieldReader): void {
  const { mode = 'PASSTHROUGH' } = value;
  if (value.httpsRedirect === true && !at.mode.present) return;
  checkCiphers(value.cipherSuites, at.cipherSuites);
  const old = value.minProtocolVersion === 'TLSV1_0' || value.minProtocolVersion === 'TLSV1_1';
  if (old && value.cipherSuites.length === 0)
    at.minProtocolVersion.warn(
      'is below TLSV1_2 without cipherSuites',
      'name the ciphers, or raise it: Envoy offers none for it',
    );
  if (mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') {
    for (const name of [...CERTIFICATE_FIELDS, ...CREDENTIALS])
      if (at[name].present) at[name].warn(`has no effect with mode ${mode}`, 'remove it: TLS is not terminated here');
    return;
  }
  if (mode === 'ISTIO_MUTUAL') {
    for (const name of CERTIFICATE_FIELDS)
      if (at[name].present)
        at[name].error('is set with mode ISTIO_MUTUAL', 'remove it: the mesh gives the certificates');
    return;
  }
  checkSources(mode, at, self);
}

/** The certificate comes from one place. */
function checkSources(mode: string, at: ServerAt, self: FieldReader): void {
  const files = at.serverCertificate.present || at.privateKey.present;
  const sources = [...CREDENTIALS.filter((name) => at[name].present), ...(files ? ['serverCertificate'] : [])];
  if (sources.length > 1) self.error(`has ${sources.join(' and ')}`, 'keep one of them');
  if (sources.length === 0)
    self.error(`has mode ${mode} without a certificate`, 'set credentialName, or serverCertificate and privateKey');
  if (files)
    for (const name of ['serverCertificate', 'privateKey'] as const)
      if (!at[name].present) self.error(`has no ${name}`, `set ${name}: certificate and key belong together`);
  for (const certificate of at.tlsCertificates.list())
    for (const name of ['serverCertificate', 'privateKey'] as const)
      if (!certificate.field(name).present)
        certificate.error(`has no ${name}`, `set ${name}: certificate and key belong together`);
  const verifies = mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';
  const roots =
    at.caCertificates.present ||
    at.caCertCredentialName.present ||
    sources.some((name) => name.startsWith('credential'));
  if (verifies && !roots) self.error(`has mode ${mode} without roots`, 'set caCertificates, or use credentialName');
  if (at.caCrl.present && (mode === 'SIMPLE' || at.credentialName.present || at.credentialNames.present))
    at.caCrl.error(
      mode === 'SIMPLE' ? 'is set with mode SIMPLE' : 'is set beside credentialName',
      mode === 'SIMPLE' ? 'remove it: clients are not verified' : 'put the list into the Secret as ca.crl',
    );
}

/** Ciphers of Envoy for TLS 1.2 and below. */
const CIPHERS = new Set([
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
  'DES-CBC3-SHA',
]);

function checkCiphers(names: readonly string[], at: FieldReader): void {
  const items = at.list();
  names.forEach((name, i) => {
    if (!CIPHERS.has(name)) items[i]?.warn(`${describe(name)} is not a cipher of Envoy`, 'remove it; it is left out');
    else if (names.indexOf(name) < i) items[i]?.warn(`${describe(name)} is there twice`, 'remove one');
  });
}
