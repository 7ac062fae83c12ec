/** One DER element: where its content lies in the input. */
export interface DerElement {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the elements of `bytes[start, end)` one after the other. Null if the range is not a whole number of definite-length
 * DER elements with minimal length encoding (X.690 10.1), so nothing can hide behind a second reading of a length.
 */
export function readDerElements(bytes: Uint8Array, start: number, end: number): readonly DerElement[] | null {
  const elements: DerElement[] = [];
  let at = start;
  while (at < end) {
    const element = readDerElement(bytes, at, end);
    if (element === null) return null;
    elements.push(element);
    at = element.end;
  }
  return elements;
}

function readDerElement(bytes: Uint8Array, at: number, limit: number): DerElement | null {
  if (at + 2 > limit) return null;
  const tag = bytes[at]!;
  if ((tag & 0x1f) === 0x1f) return null; // multi-byte tags do not occur in X.509
  const first = bytes[at + 1]!;
  if (first < 0x80) return bounded(tag, at + 2, first, limit);
  const count = first & 0x7f;
  if (count === 0 || count > 4 || at + 2 + count > limit) return null;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + bytes[at + 2 + i]!;
  const minimal = length >= 0x80 && length >= 256 ** (count - 1);
  return minimal ? bounded(tag, at + 2 + count, length, limit) : null;
}

function bounded(tag: number, start: number, length: number, limit: number): DerElement | null {
  const end = start + length;
  return end <= limit ? { tag, start, end } : null;
}
