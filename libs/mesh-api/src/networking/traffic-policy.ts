import { list, map, texts } from '../schema/collection-fields.js';
import { required, type TypeOf } from '../schema/field.js';
import { object } from '../schema/object-field.js';
import { choice, count, duration, flag, integer, number, text, uint32 } from '../schema/scalar-fields.js';
import { clientTls } from './tls-settings.js';

export const connectionPool = object('Limits of connections and requests.', {
  tcp: object('Of every connection.', {
    maxConnections: count('Connections to the service.'),
    connectTimeout: duration('Time to connect. Default that of the mesh, 10s.'),
    tcpKeepalive: object('Probes on idle connections.', {
      probes: uint32('Probes until the connection counts as dead.'),
      time: duration('Idle time before the first probe.'),
      interval: duration('Time between probes.'),
    }),
    maxConnectionDuration: duration('Time after which a connection is closed.'),
    idleTimeout: duration('Idle time after which a connection is closed.'),
  }),
  http: object('Of HTTP.', {
    http1MaxPendingRequests: count('Requests that wait for a connection.'),
    http2MaxRequests: count('Requests under way.'),
    maxRequestsPerConnection: count('Requests after which a connection is closed; 0 for no limit.'),
    maxRetries: count('Retries under way.'),
    idleTimeout: duration('Idle time after which a connection is closed.'),
    h2UpgradePolicy: choice('Whether HTTP/1.1 becomes HTTP/2.', ['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']),
    useClientProtocol: flag('The protocol of the client is kept.'),
    maxConcurrentStreams: count('Requests at once on one HTTP/2 connection.'),
    http2KeepAlive: object('Pings on HTTP/2 connections.', {
      interval: duration('Time between pings.'),
      timeout: duration('Time for an answer.'),
    }),
  }),
});
export type ConnectionPool = TypeOf<typeof connectionPool>;

const failover = list(
  'By region.',
  object('From one region to another.', { from: text('Region.'), to: text('Region.') }),
);
const failoverPriority = texts('Labels in order; endpoints that agree in more of them come first.');

const consistentHash = object(
  'The same client goes to the same endpoint.',
  {
    httpHeaderName: text('By the value of a header.'),
    httpCookie: object('By a cookie, which is made if the client has none.', {
      name: required(text('Name.')),
      path: text('Path.'),
      ttl: duration('Life time; none makes it a session cookie.'),
      attributes: list(
        'More attributes.',
        object('An attribute.', { name: required(text('Name.')), value: text('Value.') }),
      ),
    }),
    useSourceIp: flag('By the address of the client.'),
    httpQueryParameterName: text('By the value of a query parameter.'),
    ringHash: object('Ketama ring.', { minimumRingSize: uint32('Entries at least. Default 1024.') }),
    maglev: object('Maglev table.', { tableSize: uint32('Entries, a prime. Default 65537.') }),
    minimumRingSize: uint32('Use ringHash.'),
  },
  {
    atMostOne: [
      ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
      ['ringHash', 'maglev'],
    ],
  },
);

export const loadBalancer = object(
  'How endpoints are chosen.',
  {
    simple: choice('Default LEAST_REQUEST.', [
      'UNSPECIFIED',
      'LEAST_CONN',
      'RANDOM',
      'PASSTHROUGH',
      'ROUND_ROBIN',
      'LEAST_REQUEST',
    ]),
    consistentHash,
    localityLbSetting: object('By locality.', {
      enabled: flag('Default that of the mesh.'),
      distribute: list(
        'Shares by locality of the client.',
        object('Shares of one locality.', {
          from: text('Locality of the client, such as region/zone/*.'),
          to: map('Percent by locality.', integer('Percent.', 0, 100)),
        }),
      ),
      failover,
      failoverPriority,
    }),
    zoneAwareLbSetting: object('By zone, in proportion to the clients there.', {
      enabled: flag('Default that of the mesh.'),
      minClusterSize: uint32('Endpoints from which on it works.'),
      failover,
      failoverPriority,
    }),
    warmup: object('A new endpoint gets its share little by little.', {
      duration: required(duration('How long.')),
      minimumPercent: number('Share at the start.', 0, 100),
      aggression: number('Form of the curve; 1 is linear.', 0, Infinity),
    }),
    warmupDurationSecs: duration('Use warmup.'),
  },
  { atMostOne: [['simple', 'consistentHash']] },
);
export type LoadBalancer = TypeOf<typeof loadBalancer>;

export const outlierDetection = object('Endpoints that fail get no requests for a while.', {
  consecutiveErrors: count('Use consecutiveGatewayErrors or consecutive5xxErrors.'),
  consecutive5xxErrors: uint32('Errors of status 5xx in a row; 0 for no ejection.'),
  consecutiveGatewayErrors: uint32('Errors of status 502, 503, 504 in a row; 0 for no ejection.'),
  consecutiveLocalOriginFailures: uint32('Failed connections in a row.'),
  splitExternalLocalOriginErrors: flag('Failed connections are counted apart from errors.'),
  interval: duration('Time between checks. Default 10s.'),
  baseEjectionTime: duration('Time without requests; it grows with each ejection. Default 30s.'),
  maxEjectionPercent: integer('Of the endpoints that may be out at once. Default 10.', 0, 100),
  minHealthPercent: integer('Below this share of healthy endpoints all of them get requests. Default 0.', 0, 100),
  outlierDetectionHttpErrorCodes: list('Status codes that count as errors.', integer('Status code.', 100, 599)),
});
export type OutlierDetection = TypeOf<typeof outlierDetection>;

const portPolicyFields = { loadBalancer, connectionPool, outlierDetection, tls: clientTls } as const;

export const trafficPolicy = object('How connections to the service are made.', {
  ...portPolicyFields,
  portLevelSettings: list(
    'In place of the above, by port.',
    object('Of one port.', {
      port: object('Port of the service.', { number: uint32('Port number.') }),
      ...portPolicyFields,
    }),
    { maxItems: 4096 },
  ),
  tunnel: object('Connections go through a proxy.', {
    protocol: text('CONNECT or POST. Default CONNECT.'),
    targetHost: required(text('Host at the far end.')),
    targetPort: required(uint32('Port at the far end.')),
  }),
  proxyProtocol: object('A PROXY header is sent first.', { version: choice('Default V1.', ['V1', 'V2']) }),
  retryBudget: object('Limit of retries under way.', {
    percent: number('Of the requests under way. Default 20.', 0, 100),
    minRetryConcurrency: uint32('Retries that are always allowed. Default 3.'),
    budgetInterval: duration('Not used by Envoy.'),
  }),
});
export type TrafficPolicy = TypeOf<typeof trafficPolicy>;
export type PortTrafficPolicy = TrafficPolicy['portLevelSettings'][number];
