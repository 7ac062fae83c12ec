import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeClient, Pod } from '@weft/kube';
import { MeshError, toError, type Clock } from '@weft/result';
import { AtomicDirectory } from './atomic-directory.js';
import type { ObjectSource } from './object-source.js';
import type { PodSurroundings } from './pod-fields.js';
import { hasContent, volumeContent, type TokenRequest, type Volume, type VolumeFile } from './volume-content.js';

/** A volume cannot be filled (yet). The message is that of a FailedMount event. */
export class MountError extends MeshError {
  readonly code = 'CLUSTER_MOUNT_FAILED';
}

export interface PodVolumesOptions {
  readonly pod: Pod;
  /** The kubelet's directory as the cluster process sees it. */
  readonly kubeletDirectory: string;
  readonly objects: ObjectSource;
  readonly kube: Pick<KubeClient, 'createToken'>;
  readonly clock: Clock;
}

interface HeldToken {
  readonly token: string;
  readonly refreshAtMs: number;
}

const LONGEST_TOKEN_AGE_MS = 24 * 3_600_000;
/** Kubernetes gives no token a shorter life. */
const SHORTEST_TOKEN_SECONDS = 600;

/** The volumes of one pod on the node's disk: made before the first container, kept current until the pod is gone. */
export class PodVolumes {
  readonly #directories = new Map<string, AtomicDirectory>();
  readonly #tokens = new Map<string, HeldToken>();

  constructor(private readonly options: PodVolumesOptions) {}

  /**
   * Makes what is missing and rewrites what changed; tokens are renewed at four fifths of their life. Returns when to call
   * again, in milliseconds since the epoch (infinity: only when an object changes). Throws MountError.
   */
  async refresh(around: PodSurroundings): Promise<number> {
    let nextMs = Infinity;
    for (const volume of this.options.pod.spec?.volumes ?? []) {
      try {
        nextMs = Math.min(nextMs, await this.#refreshOne(volume, around));
      } catch (thrown) {
        throw new MountError(`MountVolume.SetUp failed for volume "${volume.name}" : ${toError(thrown).message}`, {
          cause: thrown,
        });
      }
    }
    return nextMs;
  }

  async remove(): Promise<void> {
    await rm(this.#podDirectory, { recursive: true, force: true });
  }

  async #refreshOne(volume: Volume, around: PodSurroundings): Promise<number> {
    const path = join(this.#podDirectory, 'volumes', volume.name);
    if (volume.hostPath !== undefined) return Infinity;
    if (!hasContent(volume)) {
      if (volume.emptyDir === undefined) throw new MountError('this kind of volume is not supported');
      await this.#makeEmptyDirectory(path);
      return Infinity;
    }
    const { pod, objects } = this.options;
    const content = volumeContent(volume, { pod, objects, around });
    if (!content.ok) throw new MountError(content.error);
    const files = new Map<string, VolumeFile>(content.value.files);
    let nextMs = Infinity;
    for (const request of content.value.tokens) {
      const held = await this.#token(volume.name, request);
      files.set(request.path, { content: Buffer.from(held.token), mode: request.mode });
      nextMs = Math.min(nextMs, held.refreshAtMs);
    }
    let directory = this.#directories.get(volume.name);
    if (directory === undefined)
      this.#directories.set(volume.name, (directory = new AtomicDirectory(path, this.#group)));
    await directory.write(files);
    return nextMs;
  }

  async #makeEmptyDirectory(path: string): Promise<void> {
    if ((await mkdir(path, { recursive: true })) === undefined) return;
    const group = this.#group;
    if (group !== null) await chown(path, 0, group).catch(() => undefined);
    await chmod(path, group === null ? 0o777 : 0o2777);
  }

  async #token(volume: string, request: TokenRequest): Promise<HeldToken> {
    const key = `${volume}/${request.path}`;
    const held = this.#tokens.get(key);
    const now = this.options.clock.now();
    if (held !== undefined && now < held.refreshAtMs) return held;
    const { metadata, spec } = this.options.pod;
    const { token, expiresAt } = await this.options.kube.createToken(
      metadata?.namespace ?? '',
      spec?.serviceAccountName ?? 'default',
      {
        audiences: request.audience === undefined ? [] : [request.audience],
        expirationSeconds: Math.max(SHORTEST_TOKEN_SECONDS, request.expirationSeconds),
        boundPod: { name: metadata?.name ?? '', uid: metadata?.uid ?? '' },
      },
    );
    const age = Math.min(LONGEST_TOKEN_AGE_MS, (expiresAt.getTime() - now) * 0.8);
    const fresh = { token, refreshAtMs: now + age };
    this.#tokens.set(key, fresh);
    return fresh;
  }

  get #podDirectory(): string {
    return join(this.options.kubeletDirectory, 'pods', this.options.pod.metadata?.uid ?? 'unknown');
  }

  get #group(): number | null {
    return this.options.pod.spec?.securityContext?.fsGroup ?? null;
  }
}
