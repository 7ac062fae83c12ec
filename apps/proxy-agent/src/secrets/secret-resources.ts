import type { Svid } from '@weft/spiffe';
import { makeXdsResource, SECRET_TYPE_URL, type XdsResource } from '@weft/xds';
import { Secret } from '@weft/xds/gen/envoy/extensions/transport_sockets/tls/v3/secret.js';

/** Names that listeners and clusters of the mesh refer to. */
const CERTIFICATE = 'default';
const ROOTS = 'ROOTCA';

const inline = (text: string) => ({ specifier: { $case: 'inlineString' as const, value: text } });

/** The certificate with its key, and what peers are verified with: roots, and a CRL if there is one. */
export function secretsOf({ certificateChainPem, privateKeyPem, rootsPem }: Svid, crlPem = ''): readonly XdsResource[] {
  return [
    secret({
      name: CERTIFICATE,
      type: {
        $case: 'tlsCertificate',
        value: { certificateChain: inline(certificateChainPem), privateKey: inline(privateKeyPem) },
      },
    }),
    secret({
      name: ROOTS,
      type: { $case: 'validationContext', value: { trustedCa: inline(rootsPem), ...crlOf(crlPem) } },
    }),
  ];
}

/** Of the leaf alone: a list of each authority above it is more than anybody has. */
const crlOf = (crlPem: string) => (crlPem === '' ? {} : { crl: inline(crlPem), onlyVerifyLeafCertCrl: true });

function secret(content: Parameters<typeof Secret.fromPartial>[0] & { readonly name: string }): XdsResource {
  const body = Secret.encode(Secret.fromPartial(content)).finish();
  return makeXdsResource({ name: content.name, typeUrl: SECRET_TYPE_URL, body });
}
