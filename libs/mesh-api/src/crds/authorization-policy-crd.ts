import { choice, list, matchLabels, object, text, texts, type JsonSchema } from './schema.js';

const targetReference = object(
  'The resource that the policy is attached to, in the namespace of the policy.',
  {
    group: text('API group; empty for core.', { maxLength: 253 }),
    kind: text('Kind of the target.', { minLength: 1, maxLength: 63 }),
    name: text('Name of the target.', { minLength: 1, maxLength: 253 }),
    namespace: text('Not supported: leave it out.'),
  },
  ['kind', 'name'],
);

const source = object('Who connects. Fields are AND-ed, values of a field OR-ed.', {
  principals: texts(
    'Peer identities such as cluster.local/ns/default/sa/client; a leading or trailing * is a wildcard.',
  ),
  notPrincipals: texts('None of these peer identities.'),
  requestPrincipals: texts('Identities of a request token, issuer/subject. Needs a waypoint.'),
  notRequestPrincipals: texts('None of these request identities. Needs a waypoint.'),
  namespaces: texts('Namespaces of the peer identity.'),
  notNamespaces: texts('None of these namespaces.'),
  ipBlocks: texts('Addresses or CIDRs of the peer as the proxy sees it.'),
  notIpBlocks: texts('None of these addresses.'),
  remoteIpBlocks: texts('Addresses of the original client, from headers. Needs a waypoint or gateway.'),
  notRemoteIpBlocks: texts('None of these original addresses. Needs a waypoint or gateway.'),
  serviceAccounts: { ...texts('Service accounts, name or namespace/name.'), maxItems: 16 },
  notServiceAccounts: { ...texts('None of these service accounts.'), maxItems: 16 },
  trustDomains: texts('Trust domains of the peer identity. Needs a waypoint.'),
  notTrustDomains: texts('None of these trust domains. Needs a waypoint.'),
});

const operation = object('What is asked for. Fields are AND-ed, values of a field OR-ed.', {
  hosts: texts('Hosts of the request. Needs a waypoint.'),
  notHosts: texts('None of these hosts. Needs a waypoint.'),
  ports: texts('Ports of the workload, as strings.'),
  notPorts: texts('None of these ports.'),
  methods: texts('HTTP methods. Needs a waypoint.'),
  notMethods: texts('None of these methods. Needs a waypoint.'),
  paths: texts('URL paths. Needs a waypoint.'),
  notPaths: texts('None of these paths. Needs a waypoint.'),
});

const condition = object(
  'One attribute of the connection or request.',
  {
    key: text('Attribute name, such as source.ip.', { minLength: 1 }),
    values: texts('Any of these.'),
    notValues: texts('None of these.'),
  },
  ['key'],
);

const rule = object(
  'Matches when a source, an operation and every condition match. An empty rule matches everything.',
  {
    from: list('Any of these sources.', object('A source.', { source }), { maxItems: 512 }),
    to: list('Any of these operations.', object('An operation.', { operation })),
    when: list('All of these conditions.', condition),
  },
);

export const authorizationPolicySpec: JsonSchema = {
  ...object('Which connections to workloads are allowed or denied.', {
    selector: matchLabels,
    targetRef: targetReference,
    targetRefs: list('Attachment to waypoints, gateways or services.', targetReference, { maxItems: 16 }),
    action: choice('What a match means. Default ALLOW.', ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']),
    provider: object('For CUSTOM: who decides.', { name: text('Name of an extension provider of the mesh config.') }),
    rules: list('Any of these rules. ALLOW without rules denies everything.', rule, { maxItems: 512 }),
  }),
  'x-kubernetes-validations': [
    {
      rule: '(has(self.selector) ? 1 : 0) + (has(self.targetRef) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1',
      message: 'only one of selector, targetRef and targetRefs may be set',
    },
  ],
};
