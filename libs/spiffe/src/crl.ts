import { verify, type X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '@weft/result';
import { readCertificateFields, serialText } from './certificate-fields.js';
import { readDerElements, type DerElement } from './der-reader.js';
import { SpiffeError } from './errors.js';
import { decodeRevokedIdentities, REVOKED_IDENTITIES_OID_HEX, type RevokedIdentity } from './revoked-identities.js';
import { EXTENSION_OIDS, hexOf, readExtensions, readTime, type X509Extension } from './x509-extensions.js';

/** A certificate revocation list (RFC 5280 5), read but not verified: `isSignedBy` does that. */
export interface Crl {
  /** The issuer's Name as it is encoded, in hexadecimal. */
  readonly issuer: string;
  /** Which of the issuer's keys signed it; null if it does not say. */
  readonly issuerKeyId: string | null;
  readonly number: bigint | null;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | null;
  /** As `CertificateFields.serial`. */
  readonly serials: ReadonlySet<string>;
  readonly identities: readonly RevokedIdentity[];
  readonly signed: { readonly bytes: Uint8Array; readonly algorithm: string; readonly signature: Uint8Array };
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OID = 0x06;
const EXTENSIONS = 0xa0;
const isTime = (element: DerElement | undefined): boolean => element?.tag === 0x17 || element?.tag === 0x18;

/** By the content of the algorithm's OID: the digest, null where the algorithm brings its own, and the type of the key. */
const ALGORITHMS: Readonly<Record<string, readonly [digest: string | null, keyType: string]>> = {
  '2a8648ce3d040302': ['sha256', 'ec'],
  '2a8648ce3d040303': ['sha384', 'ec'],
  '2a8648ce3d040304': ['sha512', 'ec'],
  '2a864886f70d01010b': ['sha256', 'rsa'],
  '2a864886f70d01010c': ['sha384', 'rsa'],
  '2a864886f70d01010d': ['sha512', 'rsa'],
  '2b6570': [null, 'ed25519'],
};

const refuse = (why: string): Result<never, SpiffeError> => err(new SpiffeError('CRL_INVALID', `CRL refused: ${why}`));

/**
 * Reads one CRL. Complete, direct ones only: a critical extension that limits what the list speaks of (indirect, delta, a part
 * of the certificates) refuses it, for it must not be used then (RFC 5280 5.2).
 */
export function parseCrl(der: Uint8Array): Result<Crl, SpiffeError> {
  const [list, ...after] = readDerElements(der, 0, der.length) ?? [];
  if (list?.tag !== SEQUENCE || after.length > 0) return refuse('it is not DER');
  const [tbs, algorithm, signature, ...surplus] = readDerElements(der, list.start, list.end) ?? [];
  if (tbs?.tag !== SEQUENCE || algorithm?.tag !== SEQUENCE || signature?.tag !== BIT_STRING || surplus.length > 0)
    return refuse('it is not a CertificateList');
  if (der[signature.start] !== 0) return refuse('its signature is not a whole number of bytes');
  const [oid] = readDerElements(der, algorithm.start, algorithm.end) ?? [];
  if (oid?.tag !== OID) return refuse('its signature algorithm cannot be read');
  const name = hexOf(der, oid);
  if (!(name in ALGORITHMS)) return refuse(`its signature algorithm (OID ${name}) is not supported`);
  const fields = readTbs(der, tbs, hexOf(der, algorithm));
  if (!fields.ok) return fields;
  const bytes = der.subarray(list.start, tbs.end);
  const signed = { bytes, algorithm: name, signature: der.subarray(signature.start + 1, signature.end) };
  return ok({ ...fields.value, signed });
}

function readTbs(der: Uint8Array, tbs: DerElement, algorithm: string): Result<Omit<Crl, 'signed'>, SpiffeError> {
  const parts = [...(readDerElements(der, tbs.start, tbs.end) ?? [])];
  const version = parts[0]?.tag === INTEGER ? hexOf(der, parts.shift()!) : null;
  if (version !== null && version !== '01') return refuse(`version ${version} is not known`);
  const [inner, issuer, from] = parts.splice(0, 3);
  if (inner?.tag !== SEQUENCE || issuer?.tag !== SEQUENCE || from === undefined)
    return refuse('it is not a CertificateList');
  if (hexOf(der, inner) !== algorithm) return refuse('it names two different signature algorithms');
  const thisUpdate = readTime(der, from);
  const until = isTime(parts[0]) ? parts.shift() : undefined;
  const nextUpdate = until === undefined ? null : readTime(der, until);
  if (thisUpdate === null || (until !== undefined && nextUpdate === null)) return refuse('a date cannot be read');
  const revoked = parts[0]?.tag === SEQUENCE ? parts.shift() : undefined;
  const serials = revoked === undefined ? new Set<string>() : readEntries(der, revoked);
  if (typeof serials === 'string') return refuse(serials);
  const wrapper = parts[0]?.tag === EXTENSIONS ? parts.shift() : undefined;
  if (parts.length > 0) return refuse('it holds more than a CertificateList');
  const extensions = readListExtensions(der, wrapper);
  if (!extensions.ok) return extensions;
  return ok({ issuer: hexOf(der, issuer), thisUpdate, nextUpdate, serials, ...extensions.value });
}

/** The serial numbers, or what is wrong. */
function readEntries(der: Uint8Array, revoked: DerElement): ReadonlySet<string> | string {
  const serials = new Set<string>();
  const entries = readDerElements(der, revoked.start, revoked.end);
  if (entries === null) return 'its entries cannot be read';
  for (const [index, entry] of entries.entries()) {
    const wrong = (why: string): string => `entry ${index + 1} ${why}`;
    const [serial, date, extensions, ...surplus] = readDerElements(der, entry.start, entry.end) ?? [];
    if (entry.tag !== SEQUENCE || serial?.tag !== INTEGER || date === undefined || surplus.length > 0)
      return wrong('cannot be read');
    if (readTime(der, date) === null) return wrong('has a date that cannot be read');
    if (extensions !== undefined) {
      const known = extensions.tag === SEQUENCE ? readExtensions(der, extensions) : null;
      if (known === null) return wrong('has extensions that cannot be read');
      const critical = firstCritical(known);
      if (critical !== undefined) return wrong(`has critical extension ${critical}, which is not known`);
    }
    serials.add(serialText(hexOf(der, serial)));
  }
  return serials;
}

function readListExtensions(
  der: Uint8Array,
  wrapper: DerElement | undefined,
): Result<Pick<Crl, 'issuerKeyId' | 'number' | 'identities'>, SpiffeError> {
  const list = wrapper === undefined ? undefined : readDerElements(der, wrapper.start, wrapper.end)?.[0];
  if (wrapper !== undefined && list?.tag !== SEQUENCE) return refuse('its extensions cannot be read');
  const extensions = list === undefined ? new Map<string, X509Extension>() : readExtensions(der, list);
  if (extensions === null) return refuse('its extensions cannot be read');
  const critical = firstCritical(extensions);
  if (critical !== undefined) return refuse(`critical extension ${critical} is not known`);
  const own = extensions.get(REVOKED_IDENTITIES_OID_HEX);
  const identities = own === undefined ? [] : decodeRevokedIdentities(own.value);
  if (identities === null) return refuse('its list of identities cannot be read');
  const issuerKeyId = keyIdOf(extensions.get(EXTENSION_OIDS.authorityKeyIdentifier));
  const number = numberOf(extensions.get(EXTENSION_OIDS.crlNumber));
  if (number === undefined) return refuse('its number cannot be read');
  return ok({ issuerKeyId, number, identities });
}

const firstCritical = (extensions: ReadonlyMap<string, X509Extension>): string | undefined =>
  [...extensions].find(([oid, { critical }]) => critical && oid !== EXTENSION_OIDS.authorityKeyIdentifier)?.[0];

/** Null if there is none, undefined if it is malformed. */
function numberOf(extension: X509Extension | undefined): bigint | null | undefined {
  if (extension === undefined) return null;
  const { value } = extension;
  const [integer, ...more] = readDerElements(value, 0, value.length) ?? [];
  if (integer?.tag !== INTEGER || more.length > 0 || integer.end - integer.start > 21) return undefined;
  return BigInt(`0x${hexOf(value, integer) || '0'}`);
}

function keyIdOf(extension: X509Extension | undefined): string | null {
  if (extension === undefined) return null;
  const { value } = extension;
  const [sequence] = readDerElements(value, 0, value.length) ?? [];
  const parts = sequence === undefined ? null : readDerElements(value, sequence.start, sequence.end);
  const keyId = parts?.find(({ tag }) => tag === 0x80);
  return keyId === undefined ? null : hexOf(value, keyId);
}

/** Is this the issuer that the list names? Two roots of a rotation share a name and differ in the key. */
export function isIssuedBy(crl: Crl, issuer: X509Certificate): boolean {
  const fields = readCertificateFields(issuer.raw);
  if (fields === null || fields.subject !== crl.issuer) return false;
  const own = fields.extensions.get(EXTENSION_OIDS.subjectKeyIdentifier)?.value;
  if (own === undefined || crl.issuerKeyId === null) return true;
  const [keyId] = readDerElements(own, 0, own.length) ?? [];
  return keyId !== undefined && hexOf(own, keyId) === crl.issuerKeyId;
}

/** Did this issuer, who must be allowed to sign CRLs, sign it? Dates do not matter: an old list is better than none. */
export function isSignedBy(crl: Crl, issuer: X509Certificate): boolean {
  if (!isIssuedBy(crl, issuer) || !allowsCrlSigning(issuer)) return false;
  const [digest, keyType] = ALGORITHMS[crl.signed.algorithm] ?? [null, ''];
  const { publicKey } = issuer;
  return publicKey.asymmetricKeyType === keyType && verify(digest, crl.signed.bytes, publicKey, crl.signed.signature);
}

/** RFC 5280 4.2.1.3: bit 6 of the key usage, where there is one. */
export function allowsCrlSigning(issuer: X509Certificate): boolean {
  const usage = readCertificateFields(issuer.raw)?.extensions.get(EXTENSION_OIDS.keyUsage)?.value;
  if (usage === undefined) return true;
  const [bits] = readDerElements(usage, 0, usage.length) ?? [];
  return bits?.tag === BIT_STRING && ((usage[bits.start + 1] ?? 0) & 0x02) !== 0;
}
