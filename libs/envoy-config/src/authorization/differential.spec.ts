import { parseAuthorizationPolicy } from '@weft/mesh-api';
import { evaluateRequest } from '@weft/policy';
import { TokenIssuer } from '@weft/testing-fixtures';
import fc from 'fast-check';
import { attached } from '../testing/custom-mesh.js';
import { loadMesh } from '../testing/load-mesh.js';
import {
  attributesOf,
  ISSUER,
  policies,
  requests,
  type GeneratedPolicy,
  type GeneratedRequest,
} from '../testing/policy-cases.js';
import { WaypointEnvoy } from '../testing/waypoint-envoy.js';

jest.setTimeout(120_000);

const SEED = 20_261_123;
const SERVICES = 100;
const REQUESTS = 6;
const LANES = 8;

const issuer = new TokenIssuer(ISSUER);

const addressOf = (i: number): string => `10.96.0.${i + 1}`;

const serviceOf = (i: number): object => ({
  kind: 'Service',
  metadata: { name: `s${i}`, namespace: 'shop' },
  spec: {
    clusterIP: addressOf(i),
    ports: [
      { name: 'http', port: 80 },
      { name: 'http-2', port: 81 },
    ],
  },
});

const policyOf = ({ action, rules, dryRun }: GeneratedPolicy, i: number, j: number): object => ({
  kind: 'AuthorizationPolicy',
  metadata: { name: `p${i}-${j}`, namespace: 'shop', annotations: dryRun ? { 'istio.io/dry-run': 'true' } : {} },
  spec: { targetRefs: [{ group: '', kind: 'Service', name: `s${i}` }], action, rules },
});

const tokens = {
  kind: 'RequestAuthentication',
  metadata: { name: 'tokens', namespace: 'shop' },
  spec: {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'wp' }],
    jwtRules: [{ issuer: ISSUER, jwks: issuer.jwks, forwardOriginalToken: true }],
  },
};

describe(`what Envoy decides with our configuration is what the policies say (seed ${SEED})`, () => {
  const cases = fc.sample(fc.tuple(policies, fc.array(requests, { minLength: REQUESTS, maxLength: REQUESTS })), {
    seed: SEED,
    numRuns: SERVICES,
  });
  const objects = cases.map(([own], i) => own.map((policy, j) => policyOf(policy, i, j)));
  let envoy: WaypointEnvoy;

  beforeAll(async () => {
    const [namespace, gateway] = attached();
    const mesh = loadMesh([namespace, gateway, tokens, ...cases.map((_, i) => serviceOf(i)), ...objects.flat()]);
    envoy = await WaypointEnvoy.start(mesh);
  });
  afterAll(() => envoy.stop());

  /** 503: let through, and there is nobody behind. */
  const decided = async (request: GeneratedRequest, address: string): Promise<string> => {
    const { identity, sourceIp, forwardedFor, port, method, path, host, team, claims } = request;
    const { status, body } = await envoy.ask({
      address,
      port,
      method,
      path,
      sourceIp,
      ...(identity === null ? {} : { identity }),
      headers: {
        host,
        ...(forwardedFor === null ? {} : { 'x-forwarded-for': forwardedFor }),
        ...(team === null ? {} : { 'x-team': team }),
        ...(claims === null ? {} : { authorization: `Bearer ${issuer.tokenOf(claims)}` }),
      },
    });
    return status === 503 ? 'allow' : status === 403 ? 'deny' : `${status} ${body}`;
  };

  it(`in ${SERVICES * REQUESTS} cases`, async () => {
    const differences: object[] = [];
    const seen = { allow: 0, deny: 0 };
    const lane = async (first: number): Promise<void> => {
      for (let i = first; i < cases.length; i += LANES) {
        const parsed = objects[i]!.map((object) => parseAuthorizationPolicy(object));
        expect(parsed.flatMap(({ problems }) => problems.filter(({ severity }) => severity === 'error'))).toEqual([]);
        for (const request of cases[i]![1]) {
          const { decision } = evaluateRequest(attributesOf(request, addressOf(i)), parsed);
          const byEnvoy = await decided(request, addressOf(i));
          seen[decision]++;
          if (byEnvoy !== decision) differences.push({ byEnvoy, decision, request, policies: cases[i]![0] });
        }
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i)));
    expect(differences).toEqual([]);
    // Both are there, or nothing was compared.
    expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan((SERVICES * REQUESTS) / 10);
  });
});
