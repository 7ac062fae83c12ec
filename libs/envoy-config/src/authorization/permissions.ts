import type { AuthorizationOperation } from '@weft/mesh-api';
import { UriTemplateMatchConfig } from '@weft/xds/gen/envoy/extensions/path/match/uri_template/v3/uri_template_match.js';
import { extension } from '../messages/extension.js';
import { constraints, PERMISSIONS, type PermissionDraft } from './logic.js';
import { cidrRange, portOf, SOMETHING, valueMatcher } from './value-matchers.js';

export type PermissionOf = (value: string) => PermissionDraft | null;

const header = (name: string, value: string, ignoreCase = false): PermissionDraft => {
  const matcher = valueMatcher(value);
  return {
    rule: {
      $case: 'header',
      value: {
        name,
        headerMatchSpecifier:
          matcher === null
            ? { $case: 'presentMatch', value: true }
            : { $case: 'stringMatch', value: { ...matcher, ignoreCase } },
      },
    },
  };
};

export const byHost: PermissionOf = (value) => header(':authority', value, true);
const byMethod: PermissionOf = (value) => header(':method', value);
export const byPort: PermissionOf = (value) => {
  const port = portOf(value);
  return port === null ? null : { rule: { $case: 'destinationPort', value: port } };
};
export const byDestinationIp: PermissionOf = (value) => {
  const range = cidrRange(value);
  return range === null ? null : { rule: { $case: 'destinationIp', value: range } };
};
export const byServerName: PermissionOf = (value) => ({
  rule: { $case: 'requestedServerName', value: valueMatcher(value) ?? SOMETHING },
});

/** Without the query. `{*}` is one segment, `{**}` any number of them. */
export const byPath: PermissionOf = (value) => {
  if (/\{\*{1,2}\}/.test(value)) {
    const pathTemplate = value.replaceAll('{**}', '**').replaceAll('{*}', '*');
    return {
      rule: {
        $case: 'uriTemplate',
        value: extension('uri-template', UriTemplateMatchConfig, { pathTemplate }),
      },
    };
  }
  return { rule: { $case: 'urlPath', value: { rule: { $case: 'path', value: valueMatcher(value) ?? SOMETHING } } } };
};

/** One `operation` of a rule; `tcp` leaves out what only requests have. */
export function operationPermission(operation: AuthorizationOperation, stack: 'http' | 'tcp'): PermissionDraft {
  const of = (termOf: PermissionOf, values: readonly string[] = [], notValues: readonly string[] = []) =>
    constraints(PERMISSIONS, termOf, values, notValues);
  const http =
    stack === 'tcp'
      ? []
      : [
          ...of(byHost, operation.hosts, operation.notHosts),
          ...of(byMethod, operation.methods, operation.notMethods),
          ...of(byPath, operation.paths, operation.notPaths),
        ];
  return PERMISSIONS.all([...http, ...of(byPort, operation.ports, operation.notPorts)]);
}
