import { choice, flag, integer, list, object, text, textMap, texts, uint32, type JsonSchema } from './schema.js';

const workload = object('An endpoint outside Kubernetes.', {
  address: text('IP address, host name, or unix:// path.', { maxLength: 256 }),
  ports: {
    type: 'object',
    description: 'Port number by port name.',
    additionalProperties: integer('Port.', 0, 65_535),
  },
  labels: textMap('Labels of the workload.'),
  network: text('Network that the address belongs to.', { maxLength: 2048 }),
  locality: text('region/zone/subzone.', { maxLength: 2048 }),
  weight: uint32('Share of the traffic relative to the other endpoints.'),
  serviceAccount: text('Service account that the workload runs as.', { maxLength: 253 }),
});

export const workloadEntrySpec: JsonSchema = workload;

const timing = (description: string): JsonSchema => integer(description, 0, 2_147_483_647);
const port = integer('Port.', 1, 65_535);

export const workloadGroupSpec: JsonSchema = object(
  'What the WorkloadEntries of a group of machines have in common.',
  {
    metadata: object('Metadata of the WorkloadEntries.', {
      labels: textMap('Labels.'),
      annotations: textMap('Annotations.'),
    }),
    template: workload,
    probe: object('How a machine checks that its application is ready.', {
      initialDelaySeconds: timing('Wait before the first check.'),
      timeoutSeconds: timing('Time that a check may take.'),
      periodSeconds: timing('Time from check to check.'),
      successThreshold: timing('Successes until ready.'),
      failureThreshold: timing('Failures until not ready.'),
      httpGet: object(
        'Ready when a GET succeeds.',
        {
          path: text('Path.'),
          port,
          host: text('Host name.'),
          scheme: text('HTTP or HTTPS.'),
          httpHeaders: list('Headers to send.', object('A header.', { name: text('Name.'), value: text('Value.') })),
        },
        ['port'],
      ),
      tcpSocket: object('Ready when a connection succeeds.', { host: text('Host name.'), port }, ['port']),
      exec: object('Ready when a command succeeds.', { command: { ...texts('Command line.'), minItems: 1 } }, [
        'command',
      ]),
      grpc: object('Ready when the gRPC health service says so.', { port, service: text('Service name.') }),
    }),
  },
  ['template'],
);

const entryPort = object(
  'A port of the service.',
  {
    number: integer('Port of the service.', 1, 65_535),
    name: text('Name of the port.', { minLength: 1, maxLength: 256 }),
    protocol: text('HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.', { maxLength: 256 }),
    targetPort: integer('Port of the endpoints, if another.', 1, 65_535),
  },
  ['number', 'name'],
);

export const serviceEntrySpec: JsonSchema = {
  ...object(
    'A service that is not a Kubernetes Service.',
    {
      hosts: list('Host names of the service.', { type: 'string', minLength: 1 }, { minItems: 1, maxItems: 256 }),
      addresses: list('Virtual addresses or CIDRs.', { type: 'string', maxLength: 64 }, { maxItems: 256 }),
      ports: list('Ports of the service.', entryPort, {
        maxItems: 256,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
      location: choice('Whether the service is part of the mesh. Default MESH_EXTERNAL.', [
        'MESH_EXTERNAL',
        'MESH_INTERNAL',
      ]),
      resolution: choice('How endpoints are found. Default NONE.', [
        'NONE',
        'STATIC',
        'DNS',
        'DNS_ROUND_ROBIN',
        'DYNAMIC_DNS',
      ]),
      endpoints: list('Endpoints of the service.', workload, { maxItems: 4096 }),
      workloadSelector: object('Selects pods and WorkloadEntries of the namespace as endpoints.', {
        labels: textMap('Label values; no wildcards.'),
      }),
      exportTo: texts('Namespaces that see the service: a name, . or *.'),
      subjectAltNames: texts('Identities that the endpoints may have.'),
    },
    ['hosts'],
  ),
  'x-kubernetes-validations': [
    {
      rule: '(has(self.workloadSelector) ? 1 : 0) + (has(self.endpoints) ? 1 : 0) <= 1',
      message: 'only one of workloadSelector and endpoints may be set',
    },
  ],
};

export const serviceEntryStatus: Readonly<Record<string, JsonSchema>> = {
  addresses: list(
    'Virtual addresses given by the mesh.',
    object('An address.', { host: text('Host name.'), value: text('Address.') }),
  ),
  hasAddresses: flag('Whether addresses were given.'),
};
