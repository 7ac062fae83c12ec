import { createReadStream } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { MeshError } from '@weft/result';
import { asObject, asString } from '@weft/testing-kube-schema';
import { asKubeObject, type KubeObject } from '../kube-object.js';
import type { Store } from './store.js';

const FORMAT = 'weft-kube-apiserver/1';
const WRITE_BYTES = 1024 * 1024;

/** What makes a cluster the same cluster besides its objects. Secret: the file is readable by its owner only. */
export interface ClusterIdentity {
  readonly caCertificatePem: string;
  readonly caPrivateKeyPem: string;
  readonly tokenKeyPem: string;
  readonly adminToken: string;
}

export interface Snapshot {
  readonly identity: ClusterIdentity;
  readonly resourceVersion: number;
  readonly objects: readonly { readonly key: string; readonly object: KubeObject }[];
}

export class BadSnapshotError extends MeshError {
  readonly code = 'APISERVER_BAD_SNAPSHOT';

  constructor(file: string, line: number, options?: ErrorOptions) {
    super(
      `${file}: line ${line} is not a cluster snapshot of ${FORMAT}; remove the file to start with an empty cluster`,
      options,
    );
  }
}

/** One line for the head and one for each object, written beside the file and renamed over it. */
export async function writeSnapshot(file: string, identity: ClusterIdentity, store: Store): Promise<void> {
  const { resourceVersion } = store;
  const objects = [...store.buckets()].flatMap((bucket) =>
    bucket.list().map((stored) => ({ key: bucket.key, stored })),
  );
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    let piece = `${JSON.stringify({ format: FORMAT, resourceVersion, identity })}\n`;
    for (const { key, stored } of objects) {
      piece += `{"key":${JSON.stringify(key)},"object":${stored.toJson()}}\n`;
      if (piece.length < WRITE_BYTES) continue;
      await handle.write(piece);
      piece = '';
    }
    await handle.write(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}

/** Null when there is no file. Throws BadSnapshotError rather than starting with half a cluster. */
export async function readSnapshot(file: string): Promise<Snapshot | null> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  });
  if (handle === null) return null;
  await handle.close();
  let head: { resourceVersion: number; identity: ClusterIdentity } | undefined;
  const objects: { key: string; object: KubeObject }[] = [];
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    number++;
    try {
      const value = JSON.parse(line) as unknown;
      if (head === undefined) {
        if (asObject(value)['format'] !== FORMAT) throw new TypeError('unknown format');
        head = value as typeof head;
      } else
        objects.push({
          key: asString(asObject(value)['key']),
          object: asKubeObject(asObject(asObject(value)['object'])),
        });
    } catch (cause) {
      throw new BadSnapshotError(file, number, { cause });
    }
  }
  if (head === undefined) throw new BadSnapshotError(file, 1);
  return { ...head, objects };
}
