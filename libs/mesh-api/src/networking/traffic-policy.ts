import { list, map, texts } from '../schema/collection-fields.js';
import { describe, type FieldReader } from '../field-reader.js';
import { refined, required, type TypeOf } from '../schema/field.js';
import { SERVICE_HOST } from '../schema/format.js';
import { object } from '../schema/object-field.js';
import { choice, count, duration, flag, integer, number, text, uint32 } from '../schema/scalar-fields.js';
import { without } from '../schema/without.js';
import { portNumber, portSelector } from './service-port.js';
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
  http: object(
    'Of HTTP.',
    {
      http1MaxPendingRequests: count('Requests that wait for a connection.'),
      http2MaxRequests: count('Requests under way.'),
      maxRequestsPerConnection: count('Requests after which a connection is closed; 0 for no limit.'),
      maxRetries: count('Retries under way.'),
      idleTimeout: duration('Idle time after which a connection is closed.'),
      h2UpgradePolicy: choice('Whether HTTP/1.1 becomes HTTP/2.', ['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']),
      useClientProtocol: flag('The protocol of the client is kept.'),
      maxConcurrentStreams: count('Requests at once on one HTTP/2 connection.'),
      http2KeepAlive: object(
        'Pings on HTTP/2 connections.',
        { interval: duration('Time between pings.'), timeout: duration('Time for an answer.') },
        {
          refine: (value, at, self) => {
            for (const name of ['interval', 'timeout'] as const)
              if (!at[name].present) self.error(`has no ${name}`, 'set interval and timeout');
            return value.interval === undefined || value.timeout === undefined ? undefined : value;
          },
        },
      ),
    },
    {
      refine: (value, at) => {
        if (value.h2UpgradePolicy !== 'UPGRADE' || value.useClientProtocol !== true) return value;
        at.useClientProtocol.error('is set beside h2UpgradePolicy UPGRADE', 'keep one of them');
        return without(value, 'useClientProtocol');
      },
    },
  ),
});
export type ConnectionPool = TypeOf<typeof connectionPool>;

const failover = list(
  'By region.',
  object(
    'From one region to another.',
    { from: text('Region.'), to: text('Region.') },
    {
      refine: (value, at) => {
        if (value.from === undefined || value.from !== value.to) return value;
        at.to.error(`is ${describe(value.to)}, as from is`, 'name another region');
        return undefined;
      },
    },
  ),
);
const failoverPriority = texts('Labels in order; endpoints that agree in more of them come first.');

const MAGLEV_MAX = 5_000_011;

const maglev = object(
  'Maglev table.',
  { tableSize: uint32('Entries, a prime. Default 65537.') },
  {
    refine: (value, at, self) => {
      const size = value.tableSize;
      if (size === undefined) {
        if (!at.tableSize.present) self.error('has no tableSize', 'set it to a prime, such as 65537');
        return undefined;
      }
      if (size < MAGLEV_MAX && isPrime(size)) return value;
      at.tableSize.error(`${size} is not a prime below ${MAGLEV_MAX}`, 'use 65537');
      return undefined;
    },
  },
);

function isPrime(n: number): boolean {
  if (n < 2 || !Number.isInteger(n)) return false;
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
}

const httpCookie = object(
  'By a cookie, which is made if the client has none.',
  {
    name: required(text('Name.')),
    path: text('Path.'),
    ttl: duration('Life time; none makes it a session cookie.', 0),
    attributes: list(
      'More attributes.',
      object('An attribute.', { name: required(text('Name.')), value: text('Value.') }),
    ),
  },
  {
    refine: (value, at) => {
      if (value.name === '') {
        at.name.error('is empty', 'name the cookie');
        return undefined;
      }
      const names = value.attributes.map(({ name }) => name);
      const twice = names.find((name, i) => names.indexOf(name) < i);
      if (twice !== undefined) at.attributes.error(`has ${describe(twice)} twice`, 'remove one');
      return twice === undefined ? value : { ...value, attributes: [] };
    },
  },
);

const consistentHash = object(
  'The same client goes to the same endpoint.',
  {
    httpHeaderName: text('By the value of a header.'),
    httpCookie,
    useSourceIp: flag('By the address of the client.'),
    httpQueryParameterName: text('By the value of a query parameter.'),
    ringHash: object('Ketama ring.', { minimumRingSize: uint32('Entries at least. Default 1024.') }),
    maglev,
    minimumRingSize: uint32('Use ringHash.'),
  },
  {
    atMostOne: [
      ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
      ['ringHash', 'maglev'],
    ],
    refine: (value, at) => {
      if (!at.minimumRingSize.present) return value;
      if (at.ringHash.present || at.maglev.present) {
        at.minimumRingSize.error('is set beside ringHash or maglev', 'remove it: ringHash has its own');
        return without(value, 'minimumRingSize');
      }
      at.minimumRingSize.warn('is deprecated', 'use ringHash.minimumRingSize');
      return value;
    },
  },
);

const distribute = list(
  'Shares by locality of the client.',
  object(
    'Shares of one locality.',
    {
      from: text('Locality of the client, such as region/zone/*.'),
      to: map('Percent by locality.', integer('Percent.', 0, 100)),
    },
    {
      refine: (value, at) => {
        const sum = Object.values(value.to).reduce((total, share) => total + share, 0);
        if (sum === 100) return value;
        at.to.error(`has shares of ${sum} in all`, 'let them add up to 100');
        return undefined;
      },
    },
  ),
);

export const localityLbSetting = object(
  'By locality.',
  { enabled: flag('Default that of the mesh.'), distribute, failover, failoverPriority },
  {
    refine: (value, at, self) => {
      if (at.distribute.list().length === 0 || !(at.failover.present || at.failoverPriority.present)) return value;
      self.error('has distribute and failover', 'keep one of them');
      return undefined;
    },
  },
);
export type LocalityLbSetting = TypeOf<typeof localityLbSetting>;

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
    localityLbSetting,
    zoneAwareLbSetting: object('By zone, in proportion to the clients there.', {
      enabled: flag('Default that of the mesh.'),
      minClusterSize: uint32('Endpoints from which on it works.'),
      failover,
      failoverPriority,
    }),
    warmup: object('A new endpoint gets its share little by little.', {
      duration: required(duration('How long.')),
      minimumPercent: number('Share at the start.', 0, 100),
      aggression: refined(number('Form of the curve; 1 is linear.', 0, Infinity), (value, reader) => {
        if (value > 0) return value;
        reader.error('is 0', 'use a number above 0; 1 is linear');
        return undefined;
      }),
    }),
    warmupDurationSecs: duration('Use warmup.'),
  },
  {
    atMostOne: [['simple', 'consistentHash']],
    refine: (value, at, self) => {
      if (at.warmupDurationSecs.present) at.warmupDurationSecs.warn('is deprecated', 'use warmup.duration');
      if (!at.localityLbSetting.present || !at.zoneAwareLbSetting.present) return value;
      self.error('has localityLbSetting and zoneAwareLbSetting', 'keep one of them');
      return without(value, 'localityLbSetting');
    },
  },
);
export type LoadBalancer = TypeOf<typeof loadBalancer>;

export const outlierDetection = object(
  'Endpoints that fail get no requests for a while.',
  {
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
  },
  {
    refine: (value, at) => {
      if (at.consecutiveErrors.present)
        at.consecutiveErrors.warn('is deprecated', 'use consecutiveGatewayErrors or consecutive5xxErrors');
      if (at.consecutiveLocalOriginFailures.present && value.splitExternalLocalOriginErrors !== true)
        at.consecutiveLocalOriginFailures.error(
          'needs splitExternalLocalOriginErrors',
          'set splitExternalLocalOriginErrors: true',
        );
      return value;
    },
  },
);
export type OutlierDetection = TypeOf<typeof outlierDetection>;

/** Failover moves traffic away from endpoints that fail, which only outlier detection can tell. */
function warnFailover(at: Readonly<Record<'loadBalancer' | 'outlierDetection', FieldReader>>): void {
  const locality = at.loadBalancer.field('localityLbSetting');
  const fails = ['failover', 'failoverPriority'].some((name) => locality.field(name).list().length > 0);
  if (fails && !at.outlierDetection.present)
    locality.warn('has failover, which needs outlierDetection', 'set outlierDetection');
}

const portPolicyFields = { loadBalancer, connectionPool, outlierDetection, tls: clientTls } as const;

const trafficPolicyFields = {
  ...portPolicyFields,
  portLevelSettings: list(
    'In place of the above, by port.',
    object(
      'Of one port.',
      { port: portSelector, ...portPolicyFields },
      {
        refine: (value, at, self) => {
          warnFailover(at);
          if (value.port?.number !== undefined) return value;
          if (!at.port.field('number').present) self.error('has no port', 'set port.number');
          return undefined;
        },
      },
    ),
    { maxItems: 4096 },
  ),
  tunnel: object('Connections go through a proxy.', {
    protocol: refined(text('CONNECT or POST. Default CONNECT.'), (protocol, reader) => {
      if (['', 'CONNECT', 'POST'].includes(protocol)) return protocol;
      reader.error(`${describe(protocol)} is not supported`, 'use CONNECT or POST');
      return undefined;
    }),
    targetHost: required(text('Host at the far end.', { format: SERVICE_HOST })),
    targetPort: required(portNumber('Port at the far end.')),
  }),
  proxyProtocol: object('A PROXY header is sent first.', { version: choice('Default V1.', ['V1', 'V2']) }),
  retryBudget: object('Limit of retries under way.', {
    percent: number('Of the requests under way. Default 20.', 0, 100),
    minRetryConcurrency: uint32('Retries that are always allowed. Default 3.'),
    budgetInterval: duration('Not used by Envoy.'),
  }),
} as const;

export const trafficPolicy = object('How connections to the service are made.', trafficPolicyFields, {
  refine: (value, at, self) => {
    warnFailover(at);
    if (!Object.values(at).some((field) => field.present)) self.error('is empty', 'remove it, or write a setting');
    if (!at.tunnel.present || !at.proxyProtocol.present) return value;
    self.error('has tunnel and proxyProtocol', 'keep one of them');
    return without(value, 'tunnel');
  },
});
export type TrafficPolicy = TypeOf<typeof trafficPolicy>;
export type PortTrafficPolicy = TrafficPolicy['portLevelSettings'][number];
