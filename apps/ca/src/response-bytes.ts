/** `repeated string cert_chain = 1`. */
const CERT_CHAIN = 0x0a;

/** An encoded IstioCertificateResponse, in one buffer that is large enough from the start. */
export function responseBytes(certChain: readonly string[]): Buffer {
  const lengths = certChain.map((pem) => Buffer.byteLength(pem));
  const total = lengths.reduce((sum, length) => sum + 1 + varintBytes(length) + length, 0);
  const bytes = Buffer.allocUnsafe(total);
  let at = 0;
  certChain.forEach((pem, i) => {
    bytes[at++] = CERT_CHAIN;
    let left = lengths[i]!;
    for (; left >= 0x80; left >>>= 7) bytes[at++] = (left & 0x7f) | 0x80;
    bytes[at++] = left;
    at += bytes.write(pem, at);
  });
  return bytes;
}

const varintBytes = (value: number): number => (value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : 4);
