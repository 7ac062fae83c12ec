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
import { AUTHORITY_KEY_TYPES, type AuthorityKeyType } from '@weft/spiffe';
import type { TlsProfile } from '@weft/tls-profile';
import { parseOidcRules, type OidcRule } from './authentication/oidc-rule.js';

export interface CaConfig {
  readonly trustDomain: string;
  /** Where the root Secret lives and which namespace this process runs in. */
  readonly namespace: string;
  readonly rootSecret: string;
  readonly rootKeyType: AuthorityKeyType;
  readonly rootTtlMs: number;
  /** How often the root Secret, or what is plugged in, is read again. */
  readonly rootRefreshMs: number;
  /** Between the steps of a root rotation; null: the longest lifetime that was issued. */
  readonly rotationWaitMs: number | null;
  readonly pluggedInSecret: string;
  readonly pluggedInFolder: string;
  readonly podName: string;
  readonly grpcHost: string;
  readonly grpcPort: number;
  readonly adminPort: number;
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
  /** Requests worked on at once, and those that may wait. */
  readonly maxConcurrent: number;
  readonly maxQueued: number;
  /** Label selector of the namespaces that get the roots; null: all. */
  readonly namespaceSelector: string | null;
  /** Publish the roots as a ClusterTrustBundle where the API server has that kind? */
  readonly clusterTrustBundle: boolean;
  /** Who vouches for the server of the SPIFFE bundle: this CA, or a web PKI by the certificate in the files. */
  readonly bundleEndpoint: BundleEndpointProfile;
  readonly bundlePort: number;
  readonly bundleCertFile: string;
  readonly bundleKeyFile: string;
  /** Who signs instead of this process. */
  readonly externalCa: ExternalCaKind;
  /** `spec.signerName` of CertificateSigningRequests. */
  readonly externalSigner: string;
  readonly externalAddress: string;
  readonly externalServerRootFile: string;
  readonly externalServerName: string | null;
  readonly externalTokenFile: string;
  /** The roots that what is signed elsewhere must lead to. */
  readonly externalRootFile: string;
  /** `namespace/serviceAccount` of other CAs that may ask for every identity. */
  readonly registrationAccounts: ReadonlySet<string>;
  readonly audience: string;
  /** Are tokens of this cluster's service accounts accepted? */
  readonly tokenReview: boolean;
  /** Issuers of other tokens. */
  readonly oidcRules: readonly OidcRule[];
  /** File with the roots that the issuers' servers are verified against; null: the machine's own. */
  readonly oidcRootFile: string | null;
  /** Who may renew by the SVID it has: nobody, those that have a pod, everybody. */
  readonly certificateAuthentication: CertificateAuthentication;
  /** `namespace/serviceAccount` of node proxies that may ask for the identities of pods on their node. */
  readonly trustedNodeAccounts: ReadonlySet<string>;
  /** DNS names certified besides the SPIFFE ID, by `namespace/serviceAccount`. */
  readonly dnsNames: ReadonlyMap<string, readonly string[]>;
  /** DNS names of this server's own certificate. */
  readonly servingDnsNames: readonly string[];
  readonly tlsProfile: TlsProfile;
  readonly logLevel: LogLevel;
}

const CERTIFICATE_AUTHENTICATION = ['off', 'pods', 'any'] as const;
export type CertificateAuthentication = (typeof CERTIFICATE_AUTHENTICATION)[number];

const EXTERNAL_CA = ['none', 'kubernetes', 'grpc'] as const;
export type ExternalCaKind = (typeof EXTERNAL_CA)[number];
const BUNDLE_ENDPOINT = ['off', 'https_spiffe', 'https_web'] as const;
export type BundleEndpointProfile = (typeof BUNDLE_ENDPOINT)[number];

const HOUR_MS = 3_600_000;

export const HELP = `weft ca: issues SPIFFE certificates to the workloads of the mesh

Settings (environment; a duration is 30s, 5m or 24h):
  TRUST_DOMAIN             trust domain of every identity                     (cluster.local)
  POD_NAMESPACE            namespace of this process and of the root Secret    (istio-system)
  CA_ROOT_SECRET           Secret with ca-cert.pem and ca-key.pem; made if
                           absent, never overwritten                          (istio-ca-secret)
  CA_ROOT_KEY_TYPE         ${AUTHORITY_KEY_TYPES.join(', ')}  (ecdsa-p256)
  CA_ROOT_TTL              lifetime of a root made here                        (87600h)
  ROOT_CA_DIR              folder with root-cert.pem, ca-cert.pem, ca-key.pem
                           and cert-chain.pem (or ca.crt, tls.crt, tls.key):
                           used if any of them is there at the start           (/etc/cacerts)
  CA_PLUGGED_IN_SECRET     Secret with the same keys; used if there is one and
                           the folder is empty                                 (cacerts)
  CA_ROOT_REFRESH          how often these are read again                      (5s)
  CA_ROTATION_WAIT         between the steps of a root rotation; shorter than
                           the longest lifetime issued is not safe
                           (default: that lifetime)
  GRPC_HOST, GRPC_PORT     where CreateCertificate is served                   (every address, 15012)
  ADMIN_PORT               /healthz /readyz /metrics                           (15014)
  DEFAULT_WORKLOAD_CERT_TTL, MAX_WORKLOAD_CERT_TTL                             (24h, 2160h)
  CA_MAX_CONCURRENT_REQUESTS, CA_MAX_QUEUED_REQUESTS: what is more is told
                           RESOURCE_EXHAUSTED and when to come back            (64, 2000)
  CA_NAMESPACE_SELECTOR    labels of the namespaces that get ConfigMaps, such as
                           mesh=on,stage in (a,b)                             (all)
  EXTERNAL_CA              ${EXTERNAL_CA.join(', ')}: who signs instead of a key here (none)
  K8S_SIGNER               signerName of CertificateSigningRequests
  CA_EXTERNAL_ADDRESS      https://host:port of a CA that serves CreateCertificate
  CA_EXTERNAL_SERVER_ROOT  file with the roots of that server            (CA_EXTERNAL_ROOT)
  CA_EXTERNAL_SERVER_NAME  name in its certificate                         (the host)
  CA_EXTERNAL_TOKEN        file with the token shown to it
                           (/var/run/secrets/tokens/istio-token)
  CA_EXTERNAL_ROOT         file with the roots of what is signed elsewhere
                           (/etc/external-ca-cert/root-cert.pem)
  CA_REGISTRATION_ACCOUNTS namespace/serviceAccount of other CAs that may ask
                           for every identity, comma separated                (none)
  CA_CLUSTER_TRUST_BUNDLE  publish istio.io:istiod-ca:root-cert where the API
                           server has ClusterTrustBundle                      (true)
  CA_BUNDLE_ENDPOINT       ${BUNDLE_ENDPOINT.join(', ')}: serve the roots as a
                           SPIFFE bundle, over TLS with the CA's SVID or with
                           the certificate in the files below                 (off)
  CA_BUNDLE_PORT           where                                              (8443)
  CA_BUNDLE_CERT, CA_BUNDLE_KEY  files of https_web, read again as they change
  TOKEN_AUDIENCE           audience a caller's token must have                 (istio-ca)
  CA_AUTH_TOKEN_REVIEW     accept tokens of this cluster's service accounts    (true)
  JWT_RULE                 other issuers: {"issuer": "https://...",
                           "audiences": ["istio-ca"], "jwksUri": "https://..."}
                           or a list of such; the subject of a token must be
                           system:serviceaccount:<namespace>:<name>           (none)
  CA_OIDC_ROOT_CERT        file with the roots of these servers               (the machine's)
  CA_AUTH_CLIENT_CERTIFICATE  ${CERTIFICATE_AUTHENTICATION.join(', ')}: who may renew by the SVID it has: nobody,
                           who has a live pod, everybody                      (pods)
  CA_TRUSTED_NODE_ACCOUNTS namespace/serviceAccount, comma separated           (istio-system/ztunnel)
  CA_DNS_NAMES             namespace/serviceAccount=dns1+dns2, comma separated:
                           names certified besides the SPIFFE ID
  POD_NAME                 names this replica in the Lease and in events
  COMPLIANCE_POLICY        pqc, fips-140-2 or fips-140-3: what TLS may use
  LOG_LEVEL                ${LOG_LEVELS.join(', ')}  (info)
`;

/** Pure; reports every problem at once. */
export function parseCaConfig(env: Env): Result<CaConfig, readonly ConfigProblem[]> {
  const read = new EnvReader(env);
  const problems: ConfigProblem[] = [];
  const namespace = read.string('POD_NAMESPACE', 'istio-system');
  const trusted = read.string('CA_TRUSTED_NODE_ACCOUNTS', `${namespace}/ztunnel`).split(',');
  const servingDnsNames = [`weft-ca.${namespace}.svc`, `weft-ca.${namespace}.svc.cluster.local`, 'localhost'];
  const controlPlane = `${namespace}/weft-control-plane=istiod.${namespace}.svc+istiod.${namespace}.svc.cluster.local`;
  // Another CA of the mesh, whose signer this one is, needs its names, too.
  const defaultDnsNames = `${controlPlane},${namespace}/weft-ca=${servingDnsNames.join('+')}`;
  const rotationWait = read.durationMs('CA_ROTATION_WAIT', -1);
  const oidcRules = parseOidcRules(read.string('JWT_RULE', ''));
  if (!oidcRules.ok) problems.push({ key: 'JWT_RULE', problem: oidcRules.error });
  const oidcRootFile = read.string('CA_OIDC_ROOT_CERT', '');
  const externalRootFile = read.string('CA_EXTERNAL_ROOT', '/etc/external-ca-cert/root-cert.pem');
  const config: CaConfig = {
    trustDomain: read.string('TRUST_DOMAIN', 'cluster.local'),
    namespace,
    rootSecret: read.string('CA_ROOT_SECRET', 'istio-ca-secret'),
    rootKeyType: read.oneOf('CA_ROOT_KEY_TYPE', AUTHORITY_KEY_TYPES, 'ecdsa-p256'),
    rootTtlMs: read.durationMs('CA_ROOT_TTL', 87_600 * HOUR_MS),
    rootRefreshMs: read.durationMs('CA_ROOT_REFRESH', 5000),
    rotationWaitMs: rotationWait >= 0 ? rotationWait : null,
    pluggedInSecret: read.string('CA_PLUGGED_IN_SECRET', 'cacerts'),
    pluggedInFolder: read.string('ROOT_CA_DIR', '/etc/cacerts'),
    podName: read.string('POD_NAME', read.string('HOSTNAME', 'weft-ca')),
    grpcHost: read.string('GRPC_HOST', everyAddress()),
    grpcPort: read.integer('GRPC_PORT', 15_012, 0, 65_535),
    adminPort: read.integer('ADMIN_PORT', 15_014, 0, 65_535),
    defaultTtlMs: read.durationMs('DEFAULT_WORKLOAD_CERT_TTL', 24 * HOUR_MS),
    maxTtlMs: read.durationMs('MAX_WORKLOAD_CERT_TTL', 2160 * HOUR_MS),
    maxConcurrent: read.integer('CA_MAX_CONCURRENT_REQUESTS', 64, 1, 10_000),
    maxQueued: read.integer('CA_MAX_QUEUED_REQUESTS', 2000, 0, 1_000_000),
    namespaceSelector: read.optional('CA_NAMESPACE_SELECTOR') ?? null,
    externalCa: read.oneOf('EXTERNAL_CA', EXTERNAL_CA, 'none'),
    externalSigner: read.string('K8S_SIGNER', ''),
    externalAddress: read.string('CA_EXTERNAL_ADDRESS', ''),
    externalServerRootFile: read.string('CA_EXTERNAL_SERVER_ROOT', externalRootFile),
    externalServerName: read.optional('CA_EXTERNAL_SERVER_NAME') ?? null,
    externalTokenFile: read.string('CA_EXTERNAL_TOKEN', '/var/run/secrets/tokens/istio-token'),
    externalRootFile,
    registrationAccounts: new Set(accountsOf(read.string('CA_REGISTRATION_ACCOUNTS', ''))),
    clusterTrustBundle: read.boolean('CA_CLUSTER_TRUST_BUNDLE', true),
    bundleEndpoint: read.oneOf('CA_BUNDLE_ENDPOINT', BUNDLE_ENDPOINT, 'off'),
    bundlePort: read.integer('CA_BUNDLE_PORT', 8443, 0, 65_535),
    bundleCertFile: read.string('CA_BUNDLE_CERT', ''),
    bundleKeyFile: read.string('CA_BUNDLE_KEY', ''),
    audience: read.string('TOKEN_AUDIENCE', 'istio-ca'),
    tokenReview: read.boolean('CA_AUTH_TOKEN_REVIEW', true),
    oidcRules: oidcRules.ok ? oidcRules.value : [],
    oidcRootFile: oidcRootFile === '' ? null : oidcRootFile,
    certificateAuthentication: read.oneOf('CA_AUTH_CLIENT_CERTIFICATE', CERTIFICATE_AUTHENTICATION, 'pods'),
    trustedNodeAccounts: new Set(trusted.map((account) => account.trim())),
    dnsNames: parseDnsNames(read.string('CA_DNS_NAMES', defaultDnsNames), problems),
    servingDnsNames,
    tlsProfile: readTlsProfile(read),
    logLevel: read.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
  };
  for (const account of config.trustedNodeAccounts) {
    if (!isAccount(account)) {
      problems.push({
        key: 'CA_TRUSTED_NODE_ACCOUNTS',
        problem: `want namespace/serviceAccount, got ${JSON.stringify(account)}`,
      });
    }
  }
  if (!config.tokenReview && config.oidcRules.length === 0)
    problems.push({ key: 'CA_AUTH_TOKEN_REVIEW', problem: 'without it nobody gets a first certificate: set JWT_RULE' });
  for (const account of config.registrationAccounts)
    if (!isAccount(account))
      problems.push({
        key: 'CA_REGISTRATION_ACCOUNTS',
        problem: `want namespace/serviceAccount, got ${JSON.stringify(account)}`,
      });
  if (config.externalCa === 'kubernetes' && config.externalSigner === '')
    problems.push({ key: 'K8S_SIGNER', problem: 'is required with EXTERNAL_CA=kubernetes: the name of the signer' });
  if (config.externalCa === 'grpc' && !/^https:\/\/[^/]+:\d{1,5}$/.test(config.externalAddress))
    problems.push({ key: 'CA_EXTERNAL_ADDRESS', problem: 'want https://host:port with EXTERNAL_CA=grpc' });
  if (config.bundleEndpoint === 'https_web' && (config.bundleCertFile === '' || config.bundleKeyFile === ''))
    problems.push({ key: 'CA_BUNDLE_ENDPOINT', problem: 'https_web needs CA_BUNDLE_CERT and CA_BUNDLE_KEY' });
  if (config.rootRefreshMs < 10) problems.push({ key: 'CA_ROOT_REFRESH', problem: 'want 10ms or more' });
  if (config.defaultTtlMs > config.maxTtlMs)
    problems.push({ key: 'DEFAULT_WORKLOAD_CERT_TTL', problem: 'is longer than MAX_WORKLOAD_CERT_TTL' });
  problems.push(...read.problems());
  return problems.length === 0 ? ok(config) : err(problems);
}

const accountsOf = (text: string): string[] =>
  text
    .split(',')
    .map((account) => account.trim())
    .filter((account) => account !== '');
const isAccount = (text: string): boolean => /^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(text);

function parseDnsNames(text: string, problems: ConfigProblem[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  for (const entry of text.split(',').filter((part) => part.trim() !== '')) {
    const [account = '', list = '', ...rest] = entry.trim().split('=');
    const dns = list.split('+');
    if (rest.length > 0 || !isAccount(account) || !dns.every((name) => /^[a-z0-9.*-]+$/.test(name))) {
      const problem = `want namespace/serviceAccount=dns1+dns2, got ${JSON.stringify(entry)}`;
      problems.push({ key: 'CA_DNS_NAMES', problem });
    } else {
      names.set(account, dns);
    }
  }
  return names;
}
