import type { Pod } from '@weft/kube';
import { err, ok, type Result } from '@weft/result';
import type { ObjectSource } from './object-source.js';
import { podField, resourceField, type PodSurroundings } from './pod-fields.js';

export type Volume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number];
type ProjectedSource = NonNullable<NonNullable<Volume['projected']>['sources']>[number];
type KeyToPath = NonNullable<NonNullable<Volume['configMap']>['items']>[number];

export interface TokenRequest {
  readonly path: string;
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}

export interface VolumeFile {
  readonly content: Buffer;
  readonly mode: number;
}

/** The files of a volume, and the tokens that have to be asked for. */
export interface VolumeContent {
  readonly files: ReadonlyMap<string, VolumeFile>;
  readonly tokens: readonly (TokenRequest & { readonly mode: number })[];
}

export interface VolumeInputs {
  readonly pod: Pod;
  readonly objects: ObjectSource;
  readonly around: PodSurroundings;
}

const DEFAULT_MODE = 0o644;
const DEFAULT_TOKEN_SECONDS = 3600;

/** Whether we fill the volume with files (rather than binding a directory of the node). */
export function hasContent(volume: Volume): boolean {
  return (
    volume.configMap !== undefined ||
    volume.secret !== undefined ||
    volume.projected !== undefined ||
    volume.downwardAPI !== undefined
  );
}

/**
 * What a configMap, secret, downwardAPI or projected volume holds now. The error says in the kubelet's words what is missing;
 * the pod waits then.
 */
export function volumeContent(volume: Volume, inputs: VolumeInputs): Result<VolumeContent, string> {
  const { configMap, secret, downwardAPI, projected } = volume;
  const content = new Content(inputs);
  if (configMap !== undefined) content.addConfigMap(configMap, configMap.defaultMode ?? DEFAULT_MODE);
  if (secret !== undefined)
    content.addSecret({ ...secret, name: secret.secretName }, secret.defaultMode ?? DEFAULT_MODE);
  if (downwardAPI !== undefined)
    content.addDownwardApi(downwardAPI.items ?? [], downwardAPI.defaultMode ?? DEFAULT_MODE);
  for (const source of projected?.sources ?? []) content.addProjected(source, projected?.defaultMode ?? DEFAULT_MODE);
  return content.problem === null ? ok(content) : err(content.problem);
}

/** Names of ConfigMaps and Secrets that a pod's volumes read, as `configmap/name` and `secret/name`. */
export function volumeReferences(volumes: readonly Volume[]): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (kind: string, name: string | undefined): unknown => name !== undefined && names.add(`${kind}/${name}`);
  for (const { configMap, secret, projected } of volumes) {
    add('configmap', configMap?.name);
    add('secret', secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add('configmap', source.configMap?.name);
      add('secret', source.secret?.name);
    }
  }
  return names;
}

interface KeyedSource {
  readonly name?: string | undefined;
  readonly items?: readonly KeyToPath[] | undefined;
  readonly optional?: boolean | undefined;
}

class Content implements VolumeContent {
  readonly files = new Map<string, VolumeFile>();
  readonly tokens: (TokenRequest & { mode: number })[] = [];
  problem: string | null = null;

  constructor(private readonly inputs: VolumeInputs) {}

  addProjected(source: ProjectedSource, mode: number): void {
    const { configMap, secret, downwardAPI, serviceAccountToken } = source;
    if (configMap !== undefined) this.addConfigMap(configMap, mode);
    if (secret !== undefined) this.addSecret(secret, mode);
    if (downwardAPI !== undefined) this.addDownwardApi(downwardAPI.items ?? [], mode);
    if (serviceAccountToken !== undefined) {
      const { audience, expirationSeconds = DEFAULT_TOKEN_SECONDS, path } = serviceAccountToken;
      if (this.#accepts(path)) this.tokens.push({ path, audience, expirationSeconds, mode });
    }
  }

  addConfigMap(source: KeyedSource, mode: number): void {
    const name = source.name ?? '';
    const found = this.inputs.objects.configMap(this.#namespace, name);
    const data = new Map<string, Buffer>();
    for (const [key, text] of Object.entries(found?.data ?? {})) data.set(key, Buffer.from(text));
    for (const [key, text] of Object.entries(found?.binaryData ?? {})) data.set(key, Buffer.from(text, 'base64'));
    this.#addKeys(`configmap "${name}"`, found === undefined ? null : data, source, mode);
  }

  addSecret(source: KeyedSource, mode: number): void {
    const name = source.name ?? '';
    const found = this.inputs.objects.secret(this.#namespace, name);
    const data = new Map(Object.entries(found?.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
    this.#addKeys(`secret "${name}"`, found === undefined ? null : data, source, mode);
  }

  addDownwardApi(items: NonNullable<NonNullable<Volume['downwardAPI']>['items']>, mode: number): void {
    const { pod, around } = this.inputs;
    for (const { path, fieldRef, resourceFieldRef, mode: own } of items) {
      const container = pod.spec?.containers.find(({ name }) => name === resourceFieldRef?.containerName);
      const value =
        fieldRef !== undefined
          ? podField(pod, fieldRef.fieldPath, around)
          : container !== undefined && resourceFieldRef !== undefined
            ? resourceField(container, resourceFieldRef.resource, resourceFieldRef.divisor, around)
            : err('a downwardAPI item names no field');
      if (value.ok) this.#put(path, Buffer.from(value.value), own ?? mode);
      else this.problem ??= value.error;
    }
  }

  #addKeys(what: string, data: ReadonlyMap<string, Buffer> | null, source: KeyedSource, mode: number): void {
    if (data === null) {
      if (source.optional !== true) this.problem ??= `${what} not found`;
      return;
    }
    if (source.items === undefined) {
      for (const [key, content] of data) this.#put(key, content, mode);
      return;
    }
    for (const { key, path, mode: own } of source.items) {
      const content = data.get(key);
      if (content !== undefined) this.#put(path, content, own ?? mode);
      else if (source.optional !== true) this.problem ??= `${what} has no key "${key}"`;
    }
  }

  #put(path: string, content: Buffer, mode: number): void {
    if (this.#accepts(path)) this.files.set(path, { content, mode });
  }

  /** A path must stay inside the volume. */
  #accepts(path: string): boolean {
    const fine =
      !path.startsWith('..') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
    if (!fine) this.problem ??= `invalid path ${JSON.stringify(path)} in a volume`;
    return fine;
  }

  get #namespace(): string {
    return this.inputs.pod.metadata?.namespace ?? '';
  }
}
