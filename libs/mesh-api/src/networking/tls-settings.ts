import { list, texts } from '../schema/collection-fields.js';
import type { TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { choice, flag, text } from '../schema/scalar-fields.js';

const VERSIONS = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'] as const;

/** How a proxy connects to a service. */
export const clientTls = object('TLS to the service.', {
  mode: choice('Default DISABLE.', ['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']),
  clientCertificate: text('File of the client certificate.'),
  privateKey: text('File of its key.'),
  caCertificates: text('File of the roots that the service is verified with.'),
  credentialName: text('Secret with the certificates.'),
  subjectAltNames: texts('Names that the certificate of the service may have.'),
  sni: text('Name that is asked for in the handshake.'),
  insecureSkipVerify: flag('The certificate of the service is not verified.'),
  caCrl: text('File of a certificate revocation list.'),
});
export type ClientTls = TypeOf<typeof clientTls>;

/** How a gateway or sidecar takes connections. */
export const serverTls = object('TLS of the server.', {
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
});
export type ServerTls = TypeOf<typeof serverTls>;
