import type { Pod } from '@weft/kube';
import { err, ok, type Result } from '@weft/result';
import type { ObjectSource } from './object-source.js';
import { podField, resourceField, type Container, type PodSurroundings } from './pod-fields.js';
import { expandVariables } from './variable-expansion.js';

type EnvVar = NonNullable<Container['env']>[number];
type EnvFrom = NonNullable<Container['envFrom']>[number];

export interface EnvironmentInputs {
  readonly pod: Pod;
  readonly objects: ObjectSource;
  readonly around: PodSurroundings;
  readonly hostname: string;
  /** The API server as pods reach it. */
  readonly kubernetes: { readonly host: string; readonly port: number };
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const VARIABLE_NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/**
 * The environment of a container, in the order in which later entries win: the runtime's own, the API server's address,
 * `envFrom`, `env`. An error names the reference that cannot be resolved yet.
 */
export function containerEnvironment(
  container: Container,
  inputs: EnvironmentInputs,
): Result<ReadonlyMap<string, string>, string> {
  const { kubernetes, hostname } = inputs;
  const { host, port } = kubernetes;
  const variables = new Map<string, string>([
    ['PATH', PATH],
    ['HOSTNAME', hostname],
    ['HOME', '/root'],
    ['KUBERNETES_SERVICE_HOST', host],
    ['KUBERNETES_SERVICE_PORT', String(port)],
    ['KUBERNETES_SERVICE_PORT_HTTPS', String(port)],
    ['KUBERNETES_PORT', `tcp://${host}:${port}`],
  ]);
  for (const source of container.envFrom ?? []) {
    const problem = addAll(variables, source, inputs);
    if (problem !== null) return err(problem);
  }
  for (const entry of container.env ?? []) {
    const value = valueOf(entry, container, inputs, variables);
    if (!value.ok) return value;
    if (value.value !== null) variables.set(entry.name, value.value);
  }
  return ok(variables);
}

function addAll(variables: Map<string, string>, source: EnvFrom, inputs: EnvironmentInputs): string | null {
  const { configMapRef, secretRef, prefix = '' } = source;
  const kind = configMapRef === undefined ? 'secret' : 'configmap';
  const reference = configMapRef ?? secretRef;
  if (reference === undefined) return null;
  const data = dataOf(kind, reference.name ?? '', inputs);
  if (data === undefined) return reference.optional === true ? null : `${kind} "${reference.name ?? ''}" not found`;
  for (const [key, value] of Object.entries(data)) {
    if (VARIABLE_NAME.test(prefix + key)) variables.set(prefix + key, value);
  }
  return null;
}

function valueOf(
  entry: EnvVar,
  container: Container,
  inputs: EnvironmentInputs,
  variables: ReadonlyMap<string, string>,
): Result<string | null, string> {
  const from = entry.valueFrom;
  if (from === undefined) return ok(expandVariables(entry.value ?? '', variables));
  if (from.fieldRef !== undefined) return podField(inputs.pod, from.fieldRef.fieldPath, inputs.around);
  if (from.resourceFieldRef !== undefined) {
    return resourceField(container, from.resourceFieldRef.resource, from.resourceFieldRef.divisor, inputs.around);
  }
  const kind = from.configMapKeyRef === undefined ? 'secret' : 'configmap';
  const reference = from.configMapKeyRef ?? from.secretKeyRef;
  if (reference === undefined) return err(`env ${entry.name}: valueFrom names no source that we know`);
  const value = dataOf(kind, reference.name ?? '', inputs)?.[reference.key];
  if (value !== undefined) return ok(value);
  if (reference.optional === true) return ok(null);
  return err(`env ${entry.name}: no key "${reference.key}" in ${kind} "${reference.name ?? ''}"`);
}

function dataOf(
  kind: 'configmap' | 'secret',
  name: string,
  inputs: EnvironmentInputs,
): Record<string, string> | undefined {
  const namespace = inputs.pod.metadata?.namespace ?? '';
  if (kind === 'configmap') {
    const found = inputs.objects.configMap(namespace, name);
    return found === undefined ? undefined : (found.data ?? {});
  }
  const found = inputs.objects.secret(namespace, name);
  if (found === undefined) return undefined;
  const entries = Object.entries(found.data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}
