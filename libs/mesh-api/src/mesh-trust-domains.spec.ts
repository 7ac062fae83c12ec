import { parseMeshTrustDomains } from './mesh-trust-domains.js';

describe('parseMeshTrustDomains', () => {
  it.each([
    ['', { trustDomain: undefined, trustDomainAliases: [] }],
    ['accessLogFile: /dev/stdout', { trustDomain: undefined, trustDomainAliases: [] }],
    [
      'trustDomain: corp.example\ntrustDomainAliases: [cluster.local, old.example]',
      { trustDomain: 'corp.example', trustDomainAliases: ['cluster.local', 'old.example'] },
    ],
    [
      'trustDomain: corp.example\ntrustDomainAliases:\n- cluster.local\n',
      { trustDomain: 'corp.example', trustDomainAliases: ['cluster.local'] },
    ],
  ])('reads %j', (yaml, value) => {
    expect(parseMeshTrustDomains(yaml)).toEqual({ ok: true, value });
  });

  it.each([
    ['{', 'MeshConfig is not YAML'],
    ['- a', 'MeshConfig is not a mapping'],
    ['trustDomain: [a]', 'MeshConfig trustDomain: ["a"] is not a trust domain'],
    ['trustDomain: "*"', 'MeshConfig trustDomain: "*" is not a trust domain'],
    ['trustDomain: a/b', 'is not a trust domain'],
    ['trustDomainAliases: old', 'MeshConfig trustDomainAliases: want a list'],
    ['trustDomainAliases: [ok, "no good"]', 'MeshConfig trustDomainAliases[1]: "no good" is not a trust domain'],
  ])('refuses %j, naming the field', (yaml, problem) => {
    const read = parseMeshTrustDomains(yaml);
    expect(read.ok ? '' : read.error).toContain(problem);
  });
});
