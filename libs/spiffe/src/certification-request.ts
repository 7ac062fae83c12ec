import { err, ok, type Result } from '@weft/result';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from './algorithms.js';
import { readDerElements, type DerElement } from './der-reader.js';
import { DER, oid } from './der-writer.js';
import { readPublicKey, type PublicKey } from './public-key.js';

/** A PKCS#10 request (RFC 2986) taken apart; nothing of it is verified yet. */
export interface CertificationRequest {
  readonly key: PublicKey;
  readonly signature: SignatureAlgorithm;
  readonly signatureValue: Buffer;
  /** The bytes that are signed. */
  readonly signed: Buffer;
  /** The value of its subject alternative name; null if it asks for none. It asks for nothing else. */
  readonly subjectAltName: Buffer | null;
}

const MALFORMED = err('not a PKCS#10 request with a supported key');
const ATTRIBUTES = 0xa0;
const TRUE = 0xff;
const EXTENSION_REQUEST = oid('1.2.840.113549.1.9.14');
const SUBJECT_ALT_NAME = oid('2.5.29.17');
const ALGORITHMS: readonly SignatureAlgorithm[] = Object.values(SIGNATURE_ALGORITHMS);

/**
 * Reads strict DER. A request with weak or unknown algorithms, with another extension than one subject alternative name, or
 * with anything that RFC 2986 does not know is refused; the error is a sentence for the caller. Attributes other than the
 * request for extensions say nothing about the certificate and are passed over, and so is the subject.
 */
export function readCertificationRequest(bytes: Buffer): Result<CertificationRequest, string> {
  const outer = readDerElements(bytes, 0, bytes.length);
  if (outer?.length !== 1 || outer[0]!.tag !== DER.sequence) return err('not one DER sequence');
  const parts = readDerElements(bytes, outer[0]!.start, outer[0]!.end);
  const [info, algorithm, value] = parts ?? [];
  if (parts?.length !== 3 || info?.tag !== DER.sequence || algorithm?.tag !== DER.sequence) return MALFORMED;
  if (value?.tag !== DER.bitString || bytes[value.start] !== 0) return MALFORMED;
  const fields = readDerElements(bytes, info.start, info.end);
  const [version, subject, spki, attributes] = fields ?? [];
  if (fields === null || fields.length < 3 || fields.length > 4 || !isName(bytes, subject)) return MALFORMED;
  if (version?.tag !== DER.integer || version.end - version.start !== 1 || bytes[version.start] !== 0) return MALFORMED;
  if (spki?.tag !== DER.sequence || (attributes !== undefined && attributes.tag !== ATTRIBUTES)) return MALFORMED;
  const key = readPublicKey(bytes, spki, subject!.end);
  if (!key.ok) return key;
  const signature = signatureAlgorithm(bytes.subarray(info.end, algorithm.end), key.value.family);
  if (!signature.ok) return signature;
  const name = attributes === undefined ? ok(null) : requestedName(bytes, attributes);
  if (!name.ok) return name;
  return ok({
    key: key.value,
    signature: signature.value,
    signatureValue: bytes.subarray(value.start + 1, value.end),
    signed: bytes.subarray(outer[0]!.start, info.end),
    subjectAltName: name.value,
  });
}

function signatureAlgorithm(identifier: Buffer, family: PublicKey['family']): Result<SignatureAlgorithm, string> {
  const algorithm = ALGORITHMS.find((known) => known.identifier.equals(identifier));
  if (algorithm === undefined) return err('want a signature with SHA-256, SHA-384 or SHA-512');
  return algorithm.family === family ? ok(algorithm) : err('its signature does not match its key');
}

/** RFC 5280 4.1.2.4: a sequence of sets of pairs. What the pairs say does not matter here. */
function isName(bytes: Buffer, name: DerElement | undefined): boolean {
  if (name?.tag !== DER.sequence) return false;
  const sets = readDerElements(bytes, name.start, name.end);
  return sets?.every((set) => set.tag === DER.set && readDerElements(bytes, set.start, set.end) !== null) ?? false;
}

function requestedName(bytes: Buffer, attributes: DerElement): Result<Buffer | null, string> {
  let extensions: readonly DerElement[] | null = null;
  const list = readDerElements(bytes, attributes.start, attributes.end);
  if (list === null) return MALFORMED;
  for (const attribute of list) {
    const [type, values, ...more] = readDerElements(bytes, attribute.start, attribute.end) ?? [];
    if (attribute.tag !== DER.sequence || type?.tag !== DER.oid || values?.tag !== DER.set || more.length > 0)
      return MALFORMED;
    if (!bytes.subarray(attribute.start, type.end).equals(EXTENSION_REQUEST)) continue;
    const [value, second] = readDerElements(bytes, values.start, values.end) ?? [];
    if (extensions !== null || second !== undefined) return err('it asks for extensions twice');
    if (value?.tag !== DER.sequence) return MALFORMED;
    extensions = readDerElements(bytes, value.start, value.end);
    if (extensions === null) return MALFORMED;
  }
  return extensions === null || extensions.length === 0 ? ok(null) : onlyName(bytes, extensions);
}

function onlyName(bytes: Buffer, extensions: readonly DerElement[]): Result<Buffer | null, string> {
  const parts = readDerElements(bytes, extensions[0]!.start, extensions[0]!.end);
  const [type, second, third] = parts ?? [];
  if (extensions[0]!.tag !== DER.sequence || type?.tag !== DER.oid) return MALFORMED;
  if (extensions.length > 1 || !bytes.subarray(extensions[0]!.start, type.end).equals(SUBJECT_ALT_NAME))
    return err('the only extension it may ask for is one subject alternative name');
  const critical = second?.tag === DER.boolean;
  const value = critical ? third : second;
  const trueOnly = !critical || (second.end - second.start === 1 && bytes[second.start] === TRUE);
  if (value?.tag !== DER.octetString || parts!.length !== (critical ? 3 : 2) || !trueOnly) return MALFORMED;
  return ok(bytes.subarray(value.start, value.end));
}
