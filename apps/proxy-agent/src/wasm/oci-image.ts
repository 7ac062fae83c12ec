import { hash } from 'node:crypto';
import { err, ok, type Result } from '@weft/result';
import { parseChallenge } from './bearer-challenge.js';
import type { download, Downloaded } from './download.js';
import type { ImageReference } from './image-reference.js';
import { pullCredentials } from './pull-credentials.js';

export interface OciImageOptions {
  readonly download: typeof download;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Registries that are asked without TLS, by host and port; `*` is all. */
  readonly insecureRegistries: readonly string[];
}

export interface PulledLayer {
  /** The module, or an archive with it. */
  readonly layer: Buffer;
  /** Of the image as it was asked for, and of what was chosen in it: `sha256:...`. */
  readonly digests: readonly string[];
}

interface Descriptor {
  readonly mediaType?: unknown;
  readonly digest?: unknown;
  readonly platform?: { readonly os?: unknown; readonly architecture?: unknown };
}

const INDEXES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const MANIFESTS = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const MODULE_LAYER =
  /^application\/(vnd\.module\.wasm\.content\.layer\.v1\+wasm|vnd\.wasm\.content\.layer\.v1\+wasm|wasm)$/;
const ARCHIVE_LAYER =
  /^application\/(vnd\.docker\.image\.rootfs\.diff\.tar(\.gzip)?|vnd\.oci\.image\.layer\.v1\.tar(\+gzip)?)$/;
const MAX_JSON_BYTES = 4 * 1024 * 1024;

/**
 * Pulls the layer with the module from a registry, with a pull Secret or as nobody. What comes is held against the digest that it
 * was asked for by.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export class OciImage {
  #authorization: string | null = null;

  constructor(
    private readonly image: ImageReference,
    /** Content of `.dockerconfigjson`. */
    private readonly pullSecret: string | null,
    private readonly options: OciImageOptions,
  ) {}

  async pull(): Promise<Result<PulledLayer, string>> {
    const { tag, digest } = this.image;
    const top = await this.#manifest(digest ?? tag);
    if (!top.ok) return top;
    const chosen = chosenIn(top.value.json);
    const manifest = chosen === null ? top : await this.#manifest(chosen);
    if (!manifest.ok) return manifest;
    const layer = layerOf(manifest.value.json);
    if (layer === null) return err('the image has no layer with a module');
    const blob = await this.#get(`blobs/${layer}`, '*/*', this.options.maxBytes);
    if (!blob.ok) return blob;
    if (digestOf(blob.value) !== layer) return err(`the layer is not ${layer}`);
    return ok({ layer: blob.value, digests: [top.value.digest, manifest.value.digest] });
  }

  async #manifest(reference: string): Promise<Result<{ readonly json: Manifest; readonly digest: string }, string>> {
    const got = await this.#get(`manifests/${reference}`, [...MANIFESTS, ...INDEXES].join(', '), MAX_JSON_BYTES);
    if (!got.ok) return got;
    const digest = digestOf(got.value);
    if (reference.startsWith('sha256:') && digest !== reference) return err(`the manifest is not ${reference}`);
    const json = manifestOf(got.value);
    return json === null ? err('the manifest cannot be read') : ok({ json, digest });
  }

  async #get(path: string, accept: string, maxBytes: number): Promise<Result<Buffer, string>> {
    const { registry, repository } = this.image;
    const url = `${this.#scheme}://${registry}/v2/${repository}/${path}`;
    const ask = (): Promise<Downloaded> => this.#ask(url, { accept }, maxBytes);
    let answer = await ask();
    if (answer.status === 401) {
      const authorized = await this.#authorize(answer.headers.get('www-authenticate') ?? '');
      if (!authorized.ok) return authorized;
      answer = await ask();
    }
    if (answer.status === 200) return ok(answer.body);
    const cure = answer.status === 401 || answer.status === 403 ? '; look at imagePullSecret' : '';
    return err(`${registry} answers ${answer.status} for ${repository}/${path}${cure}`);
  }

  #ask(url: string, headers: Readonly<Record<string, string>>, maxBytes: number): Promise<Downloaded> {
    const authorization = this.#authorization;
    const all = authorization === null ? headers : { ...headers, authorization };
    return this.options.download(url, { headers: all, maxBytes, timeoutMs: this.options.timeoutMs });
  }

  /** A token for this repository, or the credentials themselves where the registry wants them. */
  async #authorize(header: string): Promise<Result<null, string>> {
    const { registry, repository } = this.image;
    const challenge = parseChallenge(header);
    const basic = this.pullSecret === null ? null : pullCredentials(this.pullSecret, registry);
    if (challenge?.scheme === 'basic' && basic !== null) return this.#use(`Basic ${basic}`);
    const { realm = '', service, scope = `repository:${repository}:pull` } = challenge?.parameters ?? {};
    if (challenge?.scheme !== 'bearer' || !URL.canParse(realm))
      return err(
        `${registry} wants credentials; name a Secret of type kubernetes.io/dockerconfigjson in imagePullSecret`,
      );
    const from = new URL(realm);
    if (from.protocol !== 'https:' && this.#scheme === 'https') return err(`${registry} wants tokens without TLS`);
    from.searchParams.set('scope', scope);
    if (service !== undefined) from.searchParams.set('service', service);
    this.#authorization = basic === null ? null : `Basic ${basic}`;
    const { status, body } = await this.#ask(from.href, {}, MAX_JSON_BYTES);
    this.#authorization = null;
    const token = status === 200 ? tokenOf(body) : null;
    if (token === null) return err(`${from.host} gives no token (${status}); look at imagePullSecret`);
    return this.#use(`Bearer ${token}`);
  }

  #use(authorization: string): Result<null, string> {
    this.#authorization = authorization;
    return ok(null);
  }

  get #scheme(): 'http' | 'https' {
    const { insecureRegistries } = this.options;
    return insecureRegistries.includes('*') || insecureRegistries.includes(this.image.registry) ? 'http' : 'https';
  }
}

interface Manifest {
  readonly manifests?: unknown;
  readonly layers?: unknown;
}

const digestOf = (bytes: Buffer): string => `sha256:${hash('sha256', bytes, 'hex')}`;
const isDigest = (value: unknown): value is string => typeof value === 'string' && /^sha256:[a-f0-9]{64}$/.test(value);
const descriptors = (list: unknown): readonly Descriptor[] =>
  Array.isArray(list)
    ? (list as unknown[]).filter((one): one is Descriptor => typeof one === 'object' && one !== null)
    : [];

function manifestOf(bytes: Buffer): Manifest | null {
  const json = jsonOf(bytes);
  return typeof json === 'object' && json !== null ? json : null;
}

function tokenOf(bytes: Buffer): string | null {
  const { token, access_token: accessToken } = (jsonOf(bytes) ?? {}) as Readonly<Record<string, unknown>>;
  const found = token ?? accessToken;
  return typeof found === 'string' && /^[\x21-\x7e]+$/.test(found) ? found : null;
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

/** Of an index: for wasm, for Linux on any machine (the module is the same), or the first. Null: it is no index. */
function chosenIn({ manifests }: Manifest): string | null {
  const all = descriptors(manifests).filter(({ digest }) => isDigest(digest));
  const ranked = [
    all.find(({ platform }) => platform?.architecture === 'wasm'),
    all.find(({ platform }) => platform?.os === 'linux'),
    all[0],
  ];
  return (ranked.find((one) => one !== undefined)?.digest as string | undefined) ?? null;
}

/** A layer that is the module; or else the last one, which is where a `COPY` puts it. */
function layerOf({ layers }: Manifest): string | null {
  const all = descriptors(layers).filter(({ digest }) => isDigest(digest));
  const of = (type: RegExp) => all.findLast(({ mediaType }) => typeof mediaType === 'string' && type.test(mediaType));
  return ((of(MODULE_LAYER) ?? of(ARCHIVE_LAYER))?.digest as string | undefined) ?? null;
}
