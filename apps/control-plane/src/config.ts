import { isIP } from 'node:net';
import { parseCidr, type Cidr } from '@weft/ip';
import { AUTOMATIC_RANGES, type MeshModelConfig } from '@weft/mesh-model';
import { err, ok, type Result } from '@weft/result';
import {
  EnvReader,
  everyAddress,
  LOG_LEVELS,
  readTlsProfile,
  type ConfigProblem,
  type Env,
  type LogLevel,
} from '@weft/runtime';
import type { TlsProfile } from '@weft/tls-profile';

export interface ControlPlaneConfig {
  readonly mesh: MeshModelConfig;
  /** Of this process: holds the Lease. */
  readonly namespace: string;
  /** Unique among the replicas. */
  readonly podName: string;
  readonly serviceAccount: string;
  readonly xdsHost: string;
  readonly xdsPort: number;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly certificate: CertificateConfig;
  /** Null: no validating admission. */
  readonly validation: ValidationConfig | null;
  readonly audience: string;
  /** `namespace/serviceAccount` that may follow the whole mesh. */
  readonly trustedAccounts: ReadonlySet<string>;
  /** A change waits this long for the next one, in milliseconds, ... */
  readonly debounceQuietMs: number;
  /** ... but never longer than this. */
  readonly debounceMaxMs: number;
  readonly statusEnabled: boolean;
  readonly drainMs: number;
  readonly tlsProfile: TlsProfile;
  readonly logLevel: LogLevel;
}

export interface ValidationConfig {
  readonly host: string;
  readonly port: number;
  /** The Service in front of the port; the API server asks it on 443. */
  readonly service: string;
  /** PEM of the roots that the API server verifies the webhook with. */
  readonly rootFile: string;
  /** What becomes of objects while the webhook is away, once it has shown that it works. */
  readonly failurePolicy: 'Fail' | 'Ignore';
}

export type CertificateConfig =
  | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string }
  | {
      readonly kind: 'ca';
      readonly address: string;
      readonly rootFile: string;
      readonly tokenFile: string;
      readonly serverName: string | undefined;
      readonly ttlSeconds: number;
    };

export const HELP = `weft control-plane: tells the proxies of the mesh what they have to know (xDS)

Every setting is an environment variable, or the same as a flag: XDS_PORT=15012 or --xds-port 15012.
A duration is 500ms, 30s, 5m or 24h.

Mesh:
  POD_NAMESPACE       root namespace: mesh-wide policies and the Lease live here  (istio-system)
  TRUST_DOMAIN        trust domain of every identity                     (cluster.local)
  CLUSTER_ID          name of this cluster                               (Kubernetes)
  CLUSTER_DOMAIN      DNS domain of Services                             (cluster.local)
  NETWORK             network of this cluster, unless the root namespace has the
                      label topology.istio.io/network                    ("")
  AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY
                      send policies annotated istio.io/dry-run           (false)
  PILOT_ENABLE_IP_AUTOALLOCATE
                      give addresses to ServiceEntries without           (true)
  PILOT_IP_AUTOALLOCATE_IPV4_PREFIX, PILOT_IP_AUTOALLOCATE_IPV6_PREFIX
                      from these ranges              (240.240.0.0/16, 2001:2::/48)

Serving:
  XDS_HOST, XDS_PORT  delta ADS over TLS                                 (every address, 15012)
  ADMIN_HOST, ADMIN_PORT  /healthz /readyz /metrics /debug               (every address, 15014)
  TOKEN_AUDIENCE      audience that the token of a client must have      (istio-ca)
  XDS_TRUSTED_ACCOUNTS  namespace/serviceAccount, comma separated: who may
                      follow the whole mesh                              (<POD_NAMESPACE>/ztunnel)
  PILOT_DEBOUNCE_AFTER  a change waits so long for the next one, 2ms if  (10ms)
                        nothing was done for so long before it
  PILOT_DEBOUNCE_MAX    but never longer than this                       (500ms)

Validating admission of Istio's resources, over TLS:
  VALIDATION_ENABLED  serve the webhook and keep its registration        (true)
  VALIDATION_HOST, VALIDATION_PORT  where it is served                   (every address, 15017)
  VALIDATION_SERVICE  Service whose port 443 leads there                 (istiod)
  VALIDATION_FAILURE_POLICY  Fail or Ignore: what becomes of objects while
                      no replica is there                                (Fail)

Certificate of the server, from the CA:
  CA_ADDRESS          https://host:port                                  (https://weft-ca.<POD_NAMESPACE>.svc:15012)
  CA_ROOT_FILE        PEM of the roots that the CA is verified with      (/var/run/secrets/istio/root-cert.pem)
  CA_TOKEN_FILE       own token with audience istio-ca                   (/var/run/secrets/tokens/istio-token)
  CA_SERVER_NAME      name in the certificate of the CA, if not its host
  CERT_TTL            lifetime to ask for                                (24h)
or from files, which are read again when they change:
  TLS_CERT_FILE, TLS_KEY_FILE

Process:
  POD_NAME            identity in leader election                        (host name and process id)
  SERVICE_ACCOUNT     own service account                                (weft-control-plane)
  STATUS_ENABLED      write status conditions of mesh resources          (true)
  DRAIN_TIMEOUT       how long stopping may take                         (10s)
  COMPLIANCE_POLICY   pqc, fips-140-2 or fips-140-3: what TLS may use
  LOG_LEVEL           ${LOG_LEVELS.join(', ')}  (info)
  KUBECONFIG          the Kubernetes API; in a pod, its service account
`;

const FLAGS = new Set(HELP.match(/\b[A-Z][A-Z0-9_]+[A-Z0-9]\b/g));

/** Flags over the environment. An argument that is no setting is reported. */
export function withFlags(
  env: Env,
  args: readonly string[],
): { readonly env: Env; readonly problems: readonly ConfigProblem[] } {
  const merged: Record<string, string | undefined> = { ...env };
  const problems: ConfigProblem[] = [];
  for (let i = 0; i < args.length; i++) {
    const [flag = '', inline] = args[i]!.split(/=(.*)/s, 2);
    const key = flag.replace(/^--/, '').replaceAll('-', '_').toUpperCase();
    if (!flag.startsWith('--') || !FLAGS.has(key))
      problems.push({ key: flag, problem: 'is not a known flag; see --help' });
    else {
      const value = inline ?? args[++i];
      if (value === undefined) problems.push({ key: flag, problem: 'needs a value' });
      merged[key] = value;
    }
  }
  return { env: merged, problems };
}

/** Pure but for the defaults handed in; reports every problem at once. */
export function parseControlPlaneConfig(
  env: Env,
  defaultPodName: string,
): Result<ControlPlaneConfig, readonly ConfigProblem[]> {
  const read = new EnvReader(env);
  const problems: ConfigProblem[] = [];
  const namespace = read.string('POD_NAMESPACE', 'istio-system');
  const quiet = read.durationMs('PILOT_DEBOUNCE_AFTER', 10);
  const config: ControlPlaneConfig = {
    mesh: {
      rootNamespace: namespace,
      trustDomain: read.string('TRUST_DOMAIN', 'cluster.local'),
      clusterId: read.string('CLUSTER_ID', 'Kubernetes'),
      clusterDomain: read.string('CLUSTER_DOMAIN', 'cluster.local'),
      network: read.string('NETWORK', ''),
      dryRunPoliciesEnabled: read.boolean('AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY', false),
      automaticRanges: automaticRanges(read, problems),
    },
    namespace,
    podName: read.string('POD_NAME', defaultPodName),
    serviceAccount: read.string('SERVICE_ACCOUNT', 'weft-control-plane'),
    xdsHost: read.string('XDS_HOST', everyAddress()),
    xdsPort: read.integer('XDS_PORT', 15_012, 0, 65_535),
    adminHost: read.string('ADMIN_HOST', everyAddress()),
    adminPort: read.integer('ADMIN_PORT', 15_014, 0, 65_535),
    certificate: certificateConfig(read, namespace, problems),
    validation: validationConfig(read),
    audience: read.string('TOKEN_AUDIENCE', 'istio-ca'),
    trustedAccounts: accounts(read.string('XDS_TRUSTED_ACCOUNTS', `${namespace}/ztunnel`), problems),
    debounceQuietMs: quiet,
    debounceMaxMs: Math.max(quiet, read.durationMs('PILOT_DEBOUNCE_MAX', 500)),
    statusEnabled: read.boolean('STATUS_ENABLED', true),
    drainMs: read.durationMs('DRAIN_TIMEOUT', 10_000),
    tlsProfile: readTlsProfile(read),
    logLevel: read.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  for (const key of ['XDS_HOST', 'ADMIN_HOST'] as const) {
    const host = key === 'XDS_HOST' ? config.xdsHost : config.adminHost;
    if (isIP(host) === 0) problems.push({ key, problem: `want an IP address, got ${JSON.stringify(host)}` });
  }
  problems.push(...read.problems());
  return problems.length === 0 ? ok(config) : err(problems);
}

function validationConfig(read: EnvReader): ValidationConfig | null {
  const validation: ValidationConfig = {
    host: read.string('VALIDATION_HOST', everyAddress()),
    port: read.integer('VALIDATION_PORT', 15_017, 0, 65_535),
    service: read.string('VALIDATION_SERVICE', 'istiod'),
    rootFile: read.string('CA_ROOT_FILE', '/var/run/secrets/istio/root-cert.pem'),
    failurePolicy: read.oneOf('VALIDATION_FAILURE_POLICY', ['Fail', 'Ignore'], 'Fail'),
  };
  return read.boolean('VALIDATION_ENABLED', true) ? validation : null;
}

function certificateConfig(read: EnvReader, namespace: string, problems: ConfigProblem[]): CertificateConfig {
  const certFile = read.optional('TLS_CERT_FILE');
  const keyFile = read.optional('TLS_KEY_FILE');
  if (certFile !== undefined && keyFile !== undefined) return { kind: 'files', certFile, keyFile };
  if (certFile !== undefined) problems.push({ key: 'TLS_KEY_FILE', problem: 'is required beside TLS_CERT_FILE' });
  if (keyFile !== undefined) problems.push({ key: 'TLS_CERT_FILE', problem: 'is required beside TLS_KEY_FILE' });
  return {
    kind: 'ca',
    address: read.string('CA_ADDRESS', `https://weft-ca.${namespace}.svc:15012`),
    rootFile: read.string('CA_ROOT_FILE', '/var/run/secrets/istio/root-cert.pem'),
    tokenFile: read.string('CA_TOKEN_FILE', '/var/run/secrets/tokens/istio-token'),
    serverName: read.optional('CA_SERVER_NAME'),
    ttlSeconds: Math.floor(read.durationMs('CERT_TTL', 24 * 3_600_000) / 1000),
  };
}

function automaticRanges(read: EnvReader, problems: ConfigProblem[]): readonly Cidr[] {
  const ranges = AUTOMATIC_RANGES.flatMap((byDefault, i) => {
    const key = `PILOT_IP_AUTOALLOCATE_IPV${i === 0 ? 4 : 6}_PREFIX`;
    const text = read.string(key, byDefault.text);
    const range = text.includes('/') ? parseCidr(text) : null;
    if (range?.base.family === byDefault.base.family) return [range];
    problems.push({ key, problem: `want a range such as ${byDefault.text}, got ${JSON.stringify(text)}` });
    return [];
  });
  return read.boolean('PILOT_ENABLE_IP_AUTOALLOCATE', true) ? ranges : [];
}

function accounts(text: string, problems: ConfigProblem[]): ReadonlySet<string> {
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!/^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(name)) {
      problems.push({
        key: 'XDS_TRUSTED_ACCOUNTS',
        problem: `want namespace/serviceAccount, got ${JSON.stringify(name)}`,
      });
    }
  }
  return new Set(names);
}
