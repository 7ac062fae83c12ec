import { isIP } from 'node:net';
import { duplicate } from '../../cause.js';
import { childPath, indexPath } from '../../field-path.js';
import { asList, asString, dig, isObject, type JsonObject } from '../../json.js';
import { dns1123LabelProblems, dns1123SubdomainProblems, portNameProblems, portNumberProblems } from '../../names.js';
import { childObjects } from '../defaults/fill.js';
import type { Problems } from './problems.js';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export function validateService(service: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  const spec = isObject(service['spec']) ? service['spec'] : {};
  const type = asString(spec['type']);
  problems.oneOf('spec.type', spec['type'], TYPES);
  problems.oneOf('spec.sessionAffinity', spec['sessionAffinity'], ['ClientIP', 'None']);
  problems.labels('spec.selector', spec['selector']);
  const headless = spec['clusterIP'] === 'None';
  if (asList(spec['ports']).length === 0 && !headless && type !== 'ExternalName') problems.required('spec.ports');
  validatePorts(spec, type, problems);
  validateAddresses(spec, type, problems);
  if (type === 'ExternalName') {
    const name = asString(spec['externalName']).replace(/\.$/, '');
    if (name === '') problems.required('spec.externalName');
    else problems.check('spec.externalName', name, dns1123SubdomainProblems(name));
  } else {
    problems.oneOf('spec.internalTrafficPolicy', spec['internalTrafficPolicy'], ['Cluster', 'Local']);
  }
  if (spec['externalTrafficPolicy'] !== undefined && spec['externalTrafficPolicy'] !== '') {
    if (type === 'ExternalName' || (type === 'ClusterIP' && asList(spec['externalIPs']).length === 0)) {
      problems.invalid(
        'spec.externalTrafficPolicy',
        spec['externalTrafficPolicy'],
        'may only be set for externally-accessible services',
      );
    } else problems.oneOf('spec.externalTrafficPolicy', spec['externalTrafficPolicy'], ['Cluster', 'Local']);
  }
  if (spec['ipFamilyPolicy'] !== undefined) {
    problems.oneOf('spec.ipFamilyPolicy', spec['ipFamilyPolicy'], [
      'SingleStack',
      'PreferDualStack',
      'RequireDualStack',
    ]);
  }
  for (const [i, family] of asList(spec['ipFamilies']).entries()) {
    problems.oneOf(indexPath('spec.ipFamilies', i), family, ['IPv4', 'IPv6']);
  }
  if (old !== undefined) validateServiceUpdate(spec, old, problems);
}

function validatePorts(spec: JsonObject, type: string, problems: Problems): void {
  const ports = childObjects(spec, 'ports');
  const names = new Set<string>();
  const seen = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const at = indexPath('spec.ports', i);
    const name = asString(port['name']);
    if (name === '') {
      if (ports.length > 1) problems.required(childPath(at, 'name'));
    } else {
      problems.check(childPath(at, 'name'), name, dns1123LabelProblems(name));
      if (names.has(name)) problems.add(duplicate(childPath(at, 'name'), name));
      names.add(name);
    }
    problems.check(childPath(at, 'port'), port['port'] ?? 0, portNumberProblems(port['port']));
    problems.oneOf(childPath(at, 'protocol'), port['protocol'], PROTOCOLS);
    const target = port['targetPort'];
    if (typeof target === 'string') problems.check(childPath(at, 'targetPort'), target, portNameProblems(target));
    else if (target !== undefined) problems.check(childPath(at, 'targetPort'), target, portNumberProblems(target));
    if (type === 'ClusterIP' && typeof port['nodePort'] === 'number' && port['nodePort'] !== 0) {
      problems.forbidden(childPath(at, 'nodePort'), "may not be used when `type` is 'ClusterIP'");
    }
    const key = `${String(port['port'])}/${asString(port['protocol'])}`;
    if (seen.has(key)) problems.add(duplicate(at, { protocol: port['protocol'], port: port['port'] }));
    seen.add(key);
  }
}

const IP_PROBLEM = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

function validateAddresses(spec: JsonObject, type: string, problems: Problems): void {
  const clusterIp = asString(spec['clusterIP']);
  const addresses = asList(spec['clusterIPs']);
  if (type === 'ExternalName') {
    if (addresses.length > 0 || clusterIp !== '')
      problems.forbidden('spec.clusterIPs', 'may not be set for ExternalName services');
    return;
  }
  if (addresses.length > 0 && clusterIp !== '' && addresses[0] !== clusterIp) {
    problems.invalid('spec.clusterIPs', addresses, 'first value must match `clusterIP`');
  }
  for (const [i, address] of addresses.entries()) {
    if (address !== 'None' && isIP(asString(address)) === 0)
      problems.invalid(indexPath('spec.clusterIPs', i), address, IP_PROBLEM);
  }
  if (addresses.length === 0 && clusterIp !== '' && clusterIp !== 'None' && isIP(clusterIp) === 0) {
    problems.invalid('spec.clusterIPs[0]', clusterIp, IP_PROBLEM);
  }
  if (clusterIp === 'None' && (type === 'NodePort' || type === 'LoadBalancer')) {
    problems.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`);
  }
  for (const [i, address] of asList(spec['externalIPs']).entries()) {
    if (isIP(asString(address)) === 0) problems.invalid(indexPath('spec.externalIPs', i), address, IP_PROBLEM);
  }
}

function validateServiceUpdate(spec: JsonObject, old: JsonObject, problems: Problems): void {
  const before = isObject(old['spec']) ? old['spec'] : {};
  const wasExternal = before['type'] === 'ExternalName' || asString(before['clusterIP']) === '';
  if (wasExternal || spec['type'] === 'ExternalName') return;
  const [addresses, earlier] = [asList(spec['clusterIPs']), asList(before['clusterIPs'])];
  const [first, firstBefore] = [addresses[0] ?? spec['clusterIP'], earlier[0] ?? before['clusterIP']];
  if (first !== firstBefore) {
    const shown = `[]string{${(addresses.length > 0 ? addresses : [first ?? '']).map((item) => JSON.stringify(item)).join(', ')}}`;
    problems.add({
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${shown}: may not change once set`,
      field: 'spec.clusterIPs[0]',
    });
  }
}

/** Both address kinds of the endpoint APIs must be addresses that a packet can be sent to. */
export function validateEndpointSlice(slice: JsonObject, old: JsonObject | undefined, problems: Problems): void {
  const type = slice['addressType'];
  problems.oneOf('addressType', type, ['FQDN', 'IPv4', 'IPv6']);
  if (old !== undefined && type !== old['addressType']) problems.immutable('addressType', type, old['addressType']);
  for (const [i, endpoint] of childObjects(slice, 'endpoints').entries()) {
    const at = indexPath('endpoints', i);
    const addresses = asList(endpoint['addresses']);
    if (addresses.length === 0) problems.required(childPath(at, 'addresses'), 'must contain at least 1 address');
    if (addresses.length > 100)
      problems.add({
        reason: 'FieldValueTooMany',
        message: `Too many: ${addresses.length}: must have at most 100 items`,
        field: childPath(at, 'addresses'),
      });
    for (const [j, address] of addresses.entries()) {
      const family = isIP(asString(address));
      const field = indexPath(childPath(at, 'addresses'), j);
      if ((type === 'IPv4' && family !== 4) || (type === 'IPv6' && family !== 6)) {
        problems.invalid(field, address, type === 'IPv4' ? 'must be an IPv4 address' : 'must be an IPv6 address');
      } else if (type === 'FQDN') problems.check(field, address, dns1123SubdomainProblems(asString(address)));
    }
  }
  validateEndpointPorts(childObjects(slice, 'ports'), 'ports', problems);
}

function validateEndpointPorts(ports: readonly JsonObject[], field: string, problems: Problems): void {
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const at = indexPath(field, i);
    const name = asString(port['name']);
    if (names.has(name)) problems.add(duplicate(childPath(at, 'name'), name));
    names.add(name);
    if (name !== '') problems.check(childPath(at, 'name'), name, dns1123LabelProblems(name));
    if (port['port'] !== undefined)
      problems.check(childPath(at, 'port'), port['port'], portNumberProblems(port['port']));
    problems.oneOf(childPath(at, 'protocol'), port['protocol'], PROTOCOLS);
  }
}

export function validateEndpoints(endpoints: JsonObject, _old: JsonObject | undefined, problems: Problems): void {
  for (const [i, subset] of childObjects(endpoints, 'subsets').entries()) {
    const at = indexPath('subsets', i);
    const addresses = [...asList(subset['addresses']), ...asList(subset['notReadyAddresses'])];
    if (addresses.length === 0) problems.required(at, 'must specify `addresses` or `notReadyAddresses`');
    for (const [j, address] of asList(subset['addresses']).entries()) {
      const ip = dig(address, 'ip');
      if (isIP(asString(ip)) === 0) problems.invalid(`${indexPath(childPath(at, 'addresses'), j)}.ip`, ip, IP_PROBLEM);
    }
    for (const [j, port] of childObjects(subset, 'ports').entries()) {
      problems.check(
        `${indexPath(childPath(at, 'ports'), j)}.port`,
        port['port'] ?? 0,
        portNumberProblems(port['port']),
      );
    }
  }
}
