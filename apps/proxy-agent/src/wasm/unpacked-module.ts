import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { err, ok, type Result } from '@weft/result';

const MAGIC = Buffer.from([0x00, 0x61, 0x73, 0x6d]);
const GZIP = Buffer.from([0x1f, 0x8b]);
const BLOCK = 512;

/** A module as it is, in an archive (tar), or either of them compressed (gzip). */
export async function unpackedModule(bytes: Buffer, maxBytes: number): Promise<Result<Buffer, string>> {
  let plain = bytes;
  if (startsWith(bytes, GZIP)) {
    try {
      plain = await promisify(gunzip)(bytes, { maxOutputLength: maxBytes });
    } catch (failure) {
      return err(`cannot be decompressed: ${(failure as Error).message}`);
    }
  }
  if (startsWith(plain, MAGIC)) return ok(plain);
  const file = moduleInArchive(plain);
  if (file !== null && startsWith(file, MAGIC)) return ok(file);
  return err('is no WebAssembly module, and no archive with one');
}

const startsWith = (bytes: Buffer, start: Buffer): boolean => bytes.subarray(0, start.length).equals(start);

/** `plugin.wasm`, or else the first file that ends in `.wasm`. @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html */
function moduleInArchive(archive: Buffer): Buffer | null {
  let other: Buffer | null = null;
  for (let at = 0; at + BLOCK <= archive.length;) {
    const header = archive.subarray(at, at + BLOCK);
    const size = Number.parseInt(textOf(header, 124, 12).trim(), 8);
    if (!(size >= 0)) return other;
    const name = textOf(header, 0, 100);
    const isFile = header[156] === 0 || header[156] === 0x30;
    const end = at + BLOCK + size;
    if (end > archive.length) return other;
    if (isFile && name.endsWith('.wasm')) {
      const content = archive.subarray(at + BLOCK, end);
      if (name === 'plugin.wasm' || name.endsWith('/plugin.wasm')) return content;
      other ??= content;
    }
    at = at + BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return other;
}

const textOf = (header: Buffer, at: number, length: number): string =>
  header.toString('latin1', at, at + length).replace(/\0.*$/s, '');
