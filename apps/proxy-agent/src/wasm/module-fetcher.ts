import { hash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { err, ok, toError, type Result } from '@weft/result';
import { download } from './download.js';
import { parseImageReference } from './image-reference.js';
import { moduleFault } from './module-fault.js';
import { OciImage, type OciImageOptions } from './oci-image.js';
import { unpackedModule } from './unpacked-module.js';

/** A module that a filter needs. */
export interface WantedModule {
  /** `http`, `https`, `oci` or `file`. */
  readonly url: string;
  /** Of the module; of an image its digest. Empty: not checked. */
  readonly sha256: string;
  /** Content of `.dockerconfigjson`; null: none. */
  readonly pullSecret: string | null;
}

export type FetchOptions = Pick<OciImageOptions, 'timeoutMs' | 'insecureRegistries'>;

const MAX_MODULE_BYTES = 128 * 1024 * 1024;

/** A module that Envoy can load, or why not. Never rejects. */
export async function fetchModule(wanted: WantedModule, options: FetchOptions): Promise<Result<Buffer, string>> {
  try {
    const packed = await packedModule(wanted, options);
    if (!packed.ok) return packed;
    const module = await unpackedModule(packed.value, MAX_MODULE_BYTES);
    const fault = module.ok ? await moduleFault(module.value) : null;
    return fault === null ? module : err(fault);
  } catch (thrown) {
    return err(toError(thrown).message);
  }
}

async function packedModule({ url, sha256, pullSecret }: WantedModule, options: FetchOptions) {
  const [scheme] = url.toLowerCase().split('://');
  if (scheme === 'oci') return ofImage(url, sha256, pullSecret, options);
  const bytes = scheme === 'file' ? await ofFile(new URL(url).pathname) : await ofServer(url, options);
  if (!bytes.ok || sha256 === '') return bytes;
  const actual = hash('sha256', bytes.value, 'hex');
  return actual === sha256 ? bytes : err(`has the checksum ${actual} instead of ${sha256}`);
}

async function ofImage(url: string, sha256: string, pullSecret: string | null, options: FetchOptions) {
  const image = parseImageReference(url);
  if (!image.ok) return image;
  const wanted = sha256 === '' ? null : `sha256:${sha256}`;
  const { digest } = image.value;
  if (wanted !== null && digest !== null && digest !== wanted) return err(`sha256 is not the digest of the address`);
  const pulled = await new OciImage(image.value, pullSecret, {
    ...options,
    download,
    maxBytes: MAX_MODULE_BYTES,
  }).pull();
  if (!pulled.ok) return pulled;
  const { layer, digests } = pulled.value;
  if (wanted === null || digests.includes(wanted)) return ok(layer);
  return err(`is the image ${digests[0]} instead of ${wanted}`);
}

async function ofServer(url: string, { timeoutMs }: FetchOptions): Promise<Result<Buffer, string>> {
  const { status, body } = await download(url, { maxBytes: MAX_MODULE_BYTES, timeoutMs });
  return status === 200 ? ok(body) : err(`${new URL(url).host} answers ${status}`);
}

async function ofFile(path: string): Promise<Result<Buffer, string>> {
  const file = decodeURIComponent(path);
  const { size } = await stat(file);
  return size > MAX_MODULE_BYTES ? err(`has more than ${MAX_MODULE_BYTES} bytes`) : ok(await readFile(file));
}
