import { err, ok, type Result } from '@weft/result';
import { parseCrl, type Crl } from './crl.js';
import { SpiffeError } from './errors.js';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END ([A-Z0-9 ]+)-----/g;
const LABELS = new Set(['X509 CRL', 'CRL']);
/** 100,000 serial numbers are about 4 MB. */
const LARGEST_BYTES = 16 * 1024 * 1024;
const MOST_LISTS = 256;

/**
 * Reads a CRL file: any number of PEM blocks, or one DER. An empty file holds no list. Refused as a whole if any list is
 * broken: the caller then goes on with the last good file.
 */
export function readCrlFile(content: Uint8Array): Result<readonly Crl[], SpiffeError> {
  const refuse = (why: string) => err(new SpiffeError('CRL_INVALID', `CRL file refused: ${why}`));
  if (content.length > LARGEST_BYTES) return refuse(`it has ${content.length} bytes, more than ${LARGEST_BYTES}`);
  if (content[0] === 0x30) {
    const crl = parseCrl(content);
    return crl.ok ? ok([crl.value]) : crl;
  }
  const text = Buffer.from(content).toString('latin1');
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length !== text.split('-----BEGIN ').length - 1) return refuse('a PEM block has no end');
  if (blocks.length === 0) return text.trim() === '' ? ok([]) : refuse('it is neither PEM nor DER');
  if (blocks.length > MOST_LISTS) return refuse(`it holds more than ${MOST_LISTS} lists`);
  const crls: Crl[] = [];
  for (const [index, [, begin = '', body = '', end = '']] of blocks.entries()) {
    const which = `block ${index + 1} of ${blocks.length}`;
    if (begin !== end || !LABELS.has(begin)) return refuse(`${which} is ${JSON.stringify(begin)}, not an X509 CRL`);
    const base64 = body.replaceAll(/\s/g, '');
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return refuse(`${which} is not base64`);
    const crl = parseCrl(Buffer.from(base64, 'base64'));
    if (!crl.ok) return refuse(`${which}: ${crl.error.message}`);
    crls.push(crl.value);
  }
  return ok(crls);
}
