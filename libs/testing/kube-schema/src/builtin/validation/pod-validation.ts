import { duplicate, notFound } from '../../cause.js';
import { childPath, indexPath, keyPath } from '../../field-path.js';
import { asList, asString, cloneJson, dig, equalJson, isObject, type JsonObject } from '../../json.js';
import {
  dns1123LabelProblems,
  dns1123SubdomainProblems,
  envNameProblems,
  portNameProblems,
  portNumberProblems,
  qualifiedNameProblems,
} from '../../names.js';
import { parseQuantity } from '../quantity.js';
import { childObjects } from '../defaults/fill.js';
import type { Problems } from './problems.js';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

/** The rules for a pod spec, of a Pod or of a template. `field` is the path of the spec. */
export function validatePodSpec(spec: JsonObject, field: string, problems: Problems): void {
  const volumes = volumeNames(spec, field, problems);
  const at = (key: string) => childPath(field, key);
  if (asList(spec['containers']).length === 0) problems.required(at('containers'));
  const names = new Set<string>();
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [i, container] of childObjects(spec, list).entries()) {
      validateContainer(
        container,
        indexPath(at(list), i),
        { names, volumes, init: list === 'initContainers' },
        problems,
      );
    }
  }
  problems.oneOf(at('restartPolicy'), spec['restartPolicy'], ['Always', 'OnFailure', 'Never']);
  problems.oneOf(at('dnsPolicy'), spec['dnsPolicy'], ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']);
  problems.nonNegative(at('terminationGracePeriodSeconds'), spec['terminationGracePeriodSeconds']);
  const deadline = spec['activeDeadlineSeconds'];
  if (typeof deadline === 'number' && deadline < 1)
    problems.invalid(at('activeDeadlineSeconds'), deadline, 'must be between 1 and 2147483647, inclusive');
  problems.labels(at('nodeSelector'), spec['nodeSelector']);
  for (const key of ['serviceAccountName', 'nodeName', 'priorityClassName', 'runtimeClassName'])
    optionalName(spec, key, field, problems);
  for (const key of ['hostname', 'subdomain']) {
    const value = asString(spec[key]);
    if (value !== '') problems.check(at(key), value, dns1123LabelProblems(value));
  }
  validateTolerations(spec, field, problems);
  if (spec['dnsPolicy'] === 'None' && asList(dig(spec, 'dnsConfig', 'nameservers')).length === 0) {
    problems.required(at('dnsConfig.nameservers'), 'must provide at least one DNS nameserver when `dnsPolicy` is None');
  }
}

function optionalName(spec: JsonObject, key: string, field: string, problems: Problems): void {
  const value = asString(spec[key]);
  if (value !== '') problems.check(childPath(field, key), value, dns1123SubdomainProblems(value));
}

function volumeNames(spec: JsonObject, field: string, problems: Problems): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [i, volume] of childObjects(spec, 'volumes').entries()) {
    const at = indexPath(childPath(field, 'volumes'), i);
    const name = asString(volume['name']);
    problems.name(childPath(at, 'name'), name, dns1123LabelProblems);
    if (names.has(name)) problems.add(duplicate(childPath(at, 'name'), name));
    names.add(name);
    const sources = Object.keys(volume).filter((key) => key !== 'name' && volume[key] !== undefined);
    for (const extra of sources.slice(1))
      problems.forbidden(childPath(at, extra), 'may not specify more than 1 volume type');
    if (asString(dig(volume, 'hostPath', 'path')) === '' && volume['hostPath'] !== undefined)
      problems.required(childPath(at, 'hostPath.path'));
    if (volume['secret'] !== undefined && asString(dig(volume, 'secret', 'secretName')) === '')
      problems.required(childPath(at, 'secret.secretName'));
    if (volume['configMap'] !== undefined && asString(dig(volume, 'configMap', 'name')) === '')
      problems.required(childPath(at, 'configMap.name'));
  }
  return names;
}

interface ContainerScope {
  readonly names: Set<string>;
  readonly volumes: ReadonlySet<string>;
  readonly init: boolean;
}

function validateContainer(container: JsonObject, field: string, scope: ContainerScope, problems: Problems): void {
  const at = (key: string) => childPath(field, key);
  const name = asString(container['name']);
  problems.name(at('name'), name, dns1123LabelProblems);
  if (name !== '' && scope.names.has(name)) problems.add(duplicate(at('name'), name));
  scope.names.add(name);
  const image = asString(container['image']);
  if (image === '') problems.required(at('image'));
  else if (image !== image.trim()) problems.invalid(at('image'), image, 'must not have leading or trailing whitespace');
  problems.oneOf(at('imagePullPolicy'), container['imagePullPolicy'], ['Always', 'IfNotPresent', 'Never']);
  problems.oneOf(at('terminationMessagePolicy'), container['terminationMessagePolicy'], [
    'FallbackToLogsOnError',
    'File',
  ]);
  validatePorts(container, field, problems);
  validateEnv(container, field, problems);
  validateMounts(container, field, scope.volumes, problems);
  validateResources(container['resources'], at('resources'), problems);
  const sidecar = scope.init && container['restartPolicy'] === 'Always';
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    if (!isObject(container[probe])) continue;
    if (scope.init && !sidecar)
      problems.forbidden(at(probe), 'may not be set for init containers without restartPolicy=Always');
    else validateProbe(container[probe], at(probe), probe, problems);
  }
  for (const hook of ['postStart', 'preStop']) {
    const handler = dig(container, 'lifecycle', hook);
    if (isObject(handler))
      validateHandler(handler, at(`lifecycle.${hook}`), ['exec', 'httpGet', 'tcpSocket', 'sleep'], problems);
  }
}

function validatePorts(container: JsonObject, field: string, problems: Problems): void {
  const names = new Set<string>();
  for (const [i, port] of childObjects(container, 'ports').entries()) {
    const at = indexPath(childPath(field, 'ports'), i);
    const name = asString(port['name']);
    if (name !== '') {
      problems.check(childPath(at, 'name'), name, portNameProblems(name));
      if (names.has(name)) problems.add(duplicate(childPath(at, 'name'), name));
      names.add(name);
    }
    if (port['containerPort'] === undefined || port['containerPort'] === 0)
      problems.required(childPath(at, 'containerPort'));
    else
      problems.check(childPath(at, 'containerPort'), port['containerPort'], portNumberProblems(port['containerPort']));
    if (port['hostPort'] !== undefined && port['hostPort'] !== 0) {
      problems.check(childPath(at, 'hostPort'), port['hostPort'], portNumberProblems(port['hostPort']));
    }
    problems.oneOf(childPath(at, 'protocol'), port['protocol'], PROTOCOLS);
  }
}

function validateEnv(container: JsonObject, field: string, problems: Problems): void {
  for (const [i, env] of childObjects(container, 'env').entries()) {
    const at = indexPath(childPath(field, 'env'), i);
    problems.name(childPath(at, 'name'), env['name'], envNameProblems);
    if (env['valueFrom'] === undefined) continue;
    if (asString(env['value']) !== '')
      problems.invalid(childPath(at, 'valueFrom'), '', 'may not be specified when `value` is not empty');
    const sources = isObject(env['valueFrom']) ? Object.keys(env['valueFrom']).length : 0;
    if (sources === 0) {
      problems.invalid(
        childPath(at, 'valueFrom'),
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
      );
    } else if (sources > 1) {
      problems.invalid(childPath(at, 'valueFrom'), '', 'may not have more than one field specified at a time');
    }
  }
}

function validateMounts(container: JsonObject, field: string, volumes: ReadonlySet<string>, problems: Problems): void {
  const paths = new Set<string>();
  for (const [i, mount] of childObjects(container, 'volumeMounts').entries()) {
    const at = indexPath(childPath(field, 'volumeMounts'), i);
    const name = asString(mount['name']);
    if (name === '') problems.required(childPath(at, 'name'));
    else if (!volumes.has(name)) problems.add(notFound(childPath(at, 'name'), name));
    const path = asString(mount['mountPath']);
    if (path === '') problems.required(childPath(at, 'mountPath'));
    else if (paths.has(path)) problems.invalid(childPath(at, 'mountPath'), path, 'must be unique');
    paths.add(path);
  }
}

function validateResources(resources: unknown, field: string, problems: Problems): void {
  const limits = dig(resources, 'limits');
  const requests = dig(resources, 'requests');
  for (const [list, amounts] of [
    ['limits', limits],
    ['requests', requests],
  ] as const) {
    for (const [name, amount] of Object.entries(isObject(amounts) ? amounts : {})) {
      const at = keyPath(childPath(field, list), name);
      problems.check(at, name, qualifiedNameProblems(name));
      const number = quantityOf(amount);
      if (number !== undefined && number < 0) problems.invalid(at, amount, 'must be greater than or equal to 0');
      const limit = list === 'requests' && isObject(limits) ? quantityOf(limits[name]) : undefined;
      if (number !== undefined && limit !== undefined && number > limit) {
        problems.invalid(
          childPath(field, 'requests'),
          amount,
          `must be less than or equal to ${name} limit of ${String(dig(limits, name))}`,
        );
      }
    }
  }
}

function quantityOf(amount: unknown): number | undefined {
  if (typeof amount === 'number') return amount;
  return typeof amount === 'string' ? parseQuantity(amount) : undefined;
}

function validateProbe(probe: JsonObject, field: string, kind: string, problems: Problems): void {
  validateHandler(probe, field, ['exec', 'httpGet', 'tcpSocket', 'grpc'], problems);
  for (const key of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ]) {
    problems.nonNegative(childPath(field, key), probe[key]);
  }
  if (kind !== 'readinessProbe' && typeof probe['successThreshold'] === 'number' && probe['successThreshold'] > 1) {
    problems.invalid(childPath(field, 'successThreshold'), probe['successThreshold'], 'must be 1');
  }
}

function validateHandler(handler: JsonObject, field: string, kinds: readonly string[], problems: Problems): void {
  const given = kinds.filter((kind) => handler[kind] !== undefined);
  if (given.length === 0) problems.required(field, 'must specify a handler type');
  for (const extra of given.slice(1))
    problems.forbidden(childPath(field, extra), 'may not specify more than 1 handler type');
  const [kind] = given;
  if (kind === 'exec' && asList(dig(handler, 'exec', 'command')).length === 0)
    problems.required(childPath(field, 'exec.command'));
  if (kind === 'httpGet' || kind === 'tcpSocket' || kind === 'grpc') {
    const port = dig(handler, kind, 'port');
    const at = childPath(field, `${kind}.port`);
    if (typeof port === 'string' && kind !== 'grpc') problems.check(at, port, portNameProblems(port));
    else problems.check(at, port ?? 0, portNumberProblems(port));
  }
  if (kind === 'httpGet')
    problems.oneOf(childPath(field, 'httpGet.scheme'), dig(handler, 'httpGet', 'scheme'), ['HTTP', 'HTTPS']);
}

function validateTolerations(spec: JsonObject, field: string, problems: Problems): void {
  for (const [i, toleration] of childObjects(spec, 'tolerations').entries()) {
    const at = indexPath(childPath(field, 'tolerations'), i);
    const key = asString(toleration['key']);
    if (key !== '') problems.check(childPath(at, 'key'), key, qualifiedNameProblems(key));
    const operator = asString(toleration['operator']) || 'Equal';
    if (key === '' && operator !== 'Exists') {
      problems.invalid(
        childPath(at, 'operator'),
        operator,
        `operator must be Exists when \`key\` is empty, which means "match all values and all keys"`,
      );
    }
    if (operator !== 'Exists' && operator !== 'Equal')
      problems.oneOf(childPath(at, 'operator'), operator, ['Equal', 'Exists']);
    if (operator === 'Exists' && asString(toleration['value']) !== '') {
      problems.invalid(
        childPath(at, 'operator'),
        toleration['value'],
        "value must be empty when `operator` is 'Exists'",
      );
    }
    const effect = toleration['effect'];
    if (effect !== undefined && effect !== '')
      problems.oneOf(childPath(at, 'effect'), effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']);
  }
}

const CHANGEABLE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** A running pod is what it is: only images, the deadline and further tolerations may change. */
export function validatePodUpdate(pod: JsonObject, old: JsonObject, problems: Problems): void {
  if (!equalJson(fixedPart(pod['spec']), fixedPart(old['spec']))) {
    problems.forbidden('spec', CHANGEABLE);
    return;
  }
  const tolerations = asList(dig(pod, 'spec', 'tolerations'));
  const lost = asList(dig(old, 'spec', 'tolerations')).some(
    (item) => !tolerations.some((other) => equalJson(withoutSeconds(other), withoutSeconds(item))),
  );
  if (lost)
    problems.forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds');
}

function withoutSeconds(toleration: unknown): unknown {
  return isObject(toleration) ? { ...toleration, tolerationSeconds: undefined } : toleration;
}

function fixedPart(value: unknown): unknown {
  if (!isObject(value)) return value;
  const spec = cloneJson(value);
  for (const key of ['activeDeadlineSeconds', 'tolerations']) Reflect.deleteProperty(spec, key);
  // The ephemeral containers have a subresource of their own, and gates may only be taken away.
  for (const key of ['ephemeralContainers', 'schedulingGates']) Reflect.deleteProperty(spec, key);
  for (const list of ['containers', 'initContainers']) {
    for (const container of childObjects(spec, list)) Reflect.deleteProperty(container, 'image');
  }
  return spec;
}
