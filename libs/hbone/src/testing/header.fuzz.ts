import type { FuzzTarget } from '@weft/testing-fuzz';
import { fieldViolation } from '../field-rules.js';
import type { HeaderField } from '../handler.js';
import { contentLength, parseRequestHead, parseResponseHead, trailersViolation } from '../message-head.js';

const text = (lines: readonly string[]): Buffer => Buffer.from(lines.join('\n'), 'latin1');
const PSEUDO = [':method=CONNECT', ':authority=10.0.0.1:80', ':status=200', ':scheme=https', ':path=/', ':protocol=x'];
const REGULAR = ['baggage=a=b', 'forwarded=for="1.2.3.4:5"', 'te=trailers', 'connection=close', 'content-length=1'];

/** Judging a decoded header list. Lines of `name=value`, in Latin-1 as HPACK gives them. */
export const headerFuzz: FuzzTarget = {
  name: 'header',
  maxBytes: 512,
  seeds: () => [
    text(PSEUDO.slice(0, 2)),
    text([PSEUDO[2]!, ...REGULAR.slice(0, 2)]),
    text([':method=GET', PSEUDO[3]!, PSEUDO[4]!, ...REGULAR]),
    text(REGULAR.slice(0, 3)),
  ],
  words: [...PSEUDO, ...REGULAR, '\n', '=', ' ', '\t', '\0', '\r', '\x7f', '\xff'].map((word) =>
    Buffer.from(word, 'latin1'),
  ),
  run: (input) => {
    const fields = input
      .toString('latin1')
      .split('\n')
      .map((line): HeaderField => {
        const cut = line.indexOf('=', 1);
        return cut < 0 ? [line, ''] : [line.slice(0, cut), line.slice(cut + 1)];
      });
    const request = parseRequestHead(fields);
    const response = parseResponseHead(fields);
    if (request.ok) checkAccepted(request.value.headers, [request.value.method, request.value.authority]);
    if (response.ok) checkAccepted(response.value.headers, []);
    if (request.ok && request.value.method === 'CONNECT' && request.value.authority === '')
      throw new Error('no authority');
    const trailers = trailersViolation(fields);
    if (trailers === null) checkAccepted(fields, []);
    const length = contentLength(fields);
    if (length !== -1 && !Number.isNaN(length) && !(length >= 0 && Number.isSafeInteger(length)))
      throw new Error('length');
    return [request.ok ? 'ok' : request.error, response.ok ? 'ok' : response.error, trailers ?? 'ok', Math.sign(length)]
      .join('; ')
      .replace(/illegal value of .*?;/g, 'illegal value;');
  },
};

function checkAccepted(headers: readonly HeaderField[], values: readonly string[]): void {
  for (const field of headers) {
    if (field[0].startsWith(':') || fieldViolation(field) !== null)
      throw new Error(`accepted ${JSON.stringify(field)}`);
  }

  for (const value of values)
    if (/[\0-\x08\n-\x1f\x7f]/.test(value)) throw new Error(`accepted ${JSON.stringify(value)}`);
}
