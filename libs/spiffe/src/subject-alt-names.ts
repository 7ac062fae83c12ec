import { readDerElements, type DerElement } from './der-reader.js';
import { der, extensionWriter, sequence } from './der-writer.js';

const SEQUENCE = 0x30;
const OID = 0x06;
const OCTET_STRING = 0x04;
const BOOLEAN = 0x01;
const EXTENSIONS = 0xa3;
const GENERAL_NAME_DNS = 0x82;
const GENERAL_NAME_URI = 0x86;
const subjectAltName = extensionWriter('2.5.29.17', true);
/** 2.5.29.17, id-ce-subjectAltName. */
const SUBJECT_ALT_NAME = [0x55, 0x1d, 0x11];

/**
 * The URI subject alternative names of a certificate, in order, read from the DER byte by byte: text forms of a SAN list
 * (as `X509Certificate.subjectAltName` gives) can be forged by a name that contains the separator.
 * Empty for anything malformed, for a repeated SAN extension, and for a URI with a byte outside printable ASCII.
 */
export function uriSansOfCertificate(der: Uint8Array): readonly string[] {
  const certificate = only(readDerElements(der, 0, der.length), SEQUENCE);
  const tbs = certificate && readDerElements(der, certificate.start, certificate.end)?.[0];
  if (tbs?.tag !== SEQUENCE) return [];
  const fields = readDerElements(der, tbs.start, tbs.end);
  const wrapper = fields?.find(({ tag }) => tag === EXTENSIONS);
  const extensions = wrapper && only(readDerElements(der, wrapper.start, wrapper.end), SEQUENCE);
  return extensions ? uriSansOfExtensions(der, extensions) : [];
}

/** Is this SAN extension value one URI name with exactly the bytes of `uri`, and nothing else but some of `dnsNames`? */
export function isOnlyName(value: Uint8Array, uri: string, dnsNames: readonly string[]): boolean {
  const list = only(readDerElements(value, 0, value.length), SEQUENCE);
  const [first, ...others] = (list && readDerElements(value, list.start, list.end)) ?? [];
  const is = (name: DerElement, text: string): boolean =>
    Buffer.from(text, 'utf8').equals(value.subarray(name.start, name.end));
  if (first?.tag !== GENERAL_NAME_URI || !is(first, uri)) return false;
  return others.every((name) => name.tag === GENERAL_NAME_DNS && dnsNames.some((dns) => is(name, dns)));
}

/** The extension, critical because the subject is empty (RFC 5280 4.2.1.6). Both kinds of name must be ASCII. */
export function subjectAltNameExtension(uri: string, dnsNames: readonly string[]): Buffer {
  const names = [der(GENERAL_NAME_URI, Buffer.from(uri, 'latin1'))];
  for (const name of dnsNames) names.push(der(GENERAL_NAME_DNS, Buffer.from(name, 'latin1')));
  return subjectAltName(sequence(...names));
}

function uriSansOfExtensions(der: Uint8Array, extensions: DerElement): readonly string[] {
  let names: readonly string[] | null = null;
  for (const extension of readDerElements(der, extensions.start, extensions.end) ?? []) {
    const parts = readDerElements(der, extension.start, extension.end);
    const [oid, second, third] = parts ?? [];
    const value = second?.tag === BOOLEAN ? third : second;
    if (oid?.tag !== OID || value?.tag !== OCTET_STRING || !equals(der, oid, SUBJECT_ALT_NAME)) continue;
    if (names !== null) return []; // RFC 5280 4.2: no extension twice
    names = uriNames(der, value);
  }
  return names ?? [];
}

function uriNames(der: Uint8Array, value: DerElement): readonly string[] {
  const list = only(readDerElements(der, value.start, value.end), SEQUENCE);
  const names: string[] = [];
  for (const name of (list && readDerElements(der, list.start, list.end)) ?? []) {
    if (name.tag !== GENERAL_NAME_URI) continue;
    const bytes = der.subarray(name.start, name.end);
    if (bytes.some((byte) => byte < 0x21 || byte > 0x7e)) return [];
    names.push(String.fromCharCode(...bytes));
  }
  return names;
}

function only(elements: readonly DerElement[] | null, tag: number): DerElement | null {
  const [element, ...rest] = elements ?? [];
  return element?.tag === tag && rest.length === 0 ? element : null;
}

function equals(der: Uint8Array, { start, end }: DerElement, want: readonly number[]): boolean {
  return end - start === want.length && want.every((byte, i) => der[start + i] === byte);
}
