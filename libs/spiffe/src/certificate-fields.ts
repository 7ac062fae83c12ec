import { readDerElements } from './der-reader.js';
import { hexOf, readExtensions, readTime, type X509Extension } from './x509-extensions.js';

/** What revocation looks at in a certificate. */
export interface CertificateFields {
  /** Content octets of the INTEGER without leading zeros, in hexadecimal. */
  readonly serial: string;
  /** The issuer's Name as it is encoded; names are equal if these are. */
  readonly issuer: string;
  readonly subject: string;
  readonly notBefore: Date;
  readonly extensions: ReadonlyMap<string, X509Extension>;
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;

/** Reads a certificate's DER; null if it is not one. Nothing is verified. */
export function readCertificateFields(der: Uint8Array): CertificateFields | null {
  const [certificate, ...after] = readDerElements(der, 0, der.length) ?? [];
  if (certificate?.tag !== SEQUENCE || after.length > 0) return null;
  const [tbs] = readDerElements(der, certificate.start, certificate.end) ?? [];
  if (tbs?.tag !== SEQUENCE) return null;
  const all = readDerElements(der, tbs.start, tbs.end) ?? [];
  const [serial, , issuer, validity, subject] = all[0]?.tag === VERSION ? all.slice(1) : all;
  if (serial?.tag !== INTEGER || issuer?.tag !== SEQUENCE || validity?.tag !== SEQUENCE || subject?.tag !== SEQUENCE)
    return null;
  const [from] = readDerElements(der, validity.start, validity.end) ?? [];
  const notBefore = from === undefined ? null : readTime(der, from);
  const wrapper = all.find(({ tag }) => tag === EXTENSIONS);
  const list = wrapper === undefined ? undefined : readDerElements(der, wrapper.start, wrapper.end)?.[0];
  const extensions = list === undefined ? new Map<string, X509Extension>() : readExtensions(der, list);
  if (notBefore === null || extensions === null) return null;
  const fields = { serial: serialText(hexOf(der, serial)), issuer: hexOf(der, issuer), subject: hexOf(der, subject) };
  return { ...fields, notBefore, extensions };
}

/** One spelling for a serial number in hexadecimal. */
export function serialText(hex: string): string {
  return hex.toLowerCase().replace(/^(?:00)+(?=.)/, '');
}
