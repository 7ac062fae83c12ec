import fc from 'fast-check';
import { parseAuthorizationPolicy } from './authorization-policy.js';
import type { FieldProblem } from './field-problem.js';
import { compareByAge, objectMetaOf } from './object-meta.js';
import { parsePeerAuthentication } from './peer-authentication.js';
import { selectorMatches } from './selector.js';
import { automaticallyAddressedHosts, parseServiceEntry } from './service-entry.js';
import { parseWorkloadEntry } from './workload-entry.js';
import { parseWorkloadGroup } from './workload-group.js';

const object = (spec: unknown) => ({ metadata: { name: 'x', namespace: 'ns' }, spec });
const errors = (problems: readonly FieldProblem[]) =>
  problems.filter(({ severity }) => severity === 'error').map(({ field }) => field);
const warnings = (problems: readonly FieldProblem[]) =>
  problems.filter(({ severity }) => severity === 'warning').map(({ field }) => field);

describe('AuthorizationPolicy', () => {
  it('defaults to ALLOW and keeps what was written', () => {
    const { spec, problems } = parseAuthorizationPolicy(
      object({
        rules: [
          {
            from: [{ source: { principals: ['*'] } }],
            to: [{ operation: { ports: ['80'] } }],
            when: [{ key: 'source.ip', values: ['10.0.0.0/8'] }],
          },
        ],
      }),
    );
    expect(problems).toEqual([]);
    expect(spec).toEqual({
      targetRefs: [],
      action: 'ALLOW',
      rules: [
        {
          from: [{ principals: ['*'] }],
          to: [{ ports: ['80'] }],
          when: [{ key: 'source.ip', values: ['10.0.0.0/8'], notValues: [] }],
        },
      ],
    });
  });

  it.each<[string, unknown, string]>([
    [
      'an impossible CIDR',
      { rules: [{ from: [{ source: { ipBlocks: ['10.0.0.0/33'] } }] }] },
      'spec.rules[0].from[0].source.ipBlocks[0]',
    ],
    [
      'an octal address',
      { rules: [{ from: [{ source: { notIpBlocks: ['010.0.0.1'] } }] }] },
      'spec.rules[0].from[0].source.notIpBlocks[0]',
    ],
    [
      'a port out of range',
      { rules: [{ to: [{ operation: { ports: ['80', '65536'] } }] }] },
      'spec.rules[0].to[0].operation.ports[1]',
    ],
    ['an unknown action', { action: 'REFUSE' }, 'spec.action'],
    ['CUSTOM without provider', { action: 'CUSTOM', rules: [{}] }, 'spec.provider'],
    ['a provider outside CUSTOM', { action: 'ALLOW', provider: { name: 'x' } }, 'spec.provider'],
    ['DENY without rules', { action: 'DENY' }, 'spec.rules'],
    ['an empty from', { rules: [{ from: [] }] }, 'spec.rules[0].from'],
    ['an empty source', { rules: [{ from: [{ source: {} }] }] }, 'spec.rules[0].from[0]'],
    ['an empty operation', { rules: [{ to: [{}] }] }, 'spec.rules[0].to[0]'],
    [
      'service accounts beside principals',
      { rules: [{ from: [{ source: { serviceAccounts: ['a'], principals: ['b'] } }] }] },
      'spec.rules[0].from[0].source.serviceAccounts',
    ],
    [
      'a wildcard service account',
      { rules: [{ from: [{ source: { serviceAccounts: ['*'] } }] }] },
      'spec.rules[0].from[0].source.serviceAccounts[0]',
    ],
    [
      'an unknown condition',
      { rules: [{ when: [{ key: 'source.colour', values: ['x'] }] }] },
      'spec.rules[0].when[0].key',
    ],
    ['a condition without values', { rules: [{ when: [{ key: 'source.ip' }] }] }, 'spec.rules[0].when[0]'],
    [
      'a selector with targetRefs',
      { selector: { matchLabels: { a: 'b' } }, targetRefs: [{ kind: 'Service', group: '', name: 'x' }] },
      'spec.selector',
    ],
    ['a target of another kind', { targetRefs: [{ kind: 'Pod', group: '', name: 'x' }] }, 'spec.targetRefs[0]'],
    ['a wildcard label', { selector: { matchLabels: { a: '*' } } }, 'spec.selector.matchLabels'],
    [
      'a list that is a string',
      { rules: [{ from: [{ source: { ipBlocks: '10.0.0.1' } }] }] },
      'spec.rules[0].from[0].source.ipBlocks',
    ],
  ])('reports %s with its path and a cure', (_name, spec, field) => {
    const { problems } = parseAuthorizationPolicy(object(spec));
    expect(errors(problems)).toContain(field);
    for (const { problem, cure } of problems) expect([problem, cure].every((text) => text.length > 0)).toBe(true);
  });

  it('reports unknown fields as warnings, once', () => {
    const { problems, spec } = parseAuthorizationPolicy(
      object({ rule: [], rules: [{ from: [{ source: { principal: ['a'], namespaces: ['b'] } }] }] }),
    );
    expect(warnings(problems)).toEqual(['spec.rule', 'spec.rules[0].from[0].source.principal']);
    expect(spec?.rules).toEqual([{ from: [{ namespaces: ['b'] }] }]);
  });

  it.each([{ action: 'REFUSE' }, { selector: 'x' }, { selector: { matchLabels: { a: 1 } } }])(
    'has no spec when action or scope cannot be told: %j',
    (spec) => {
      expect(parseAuthorizationPolicy(object(spec)).spec).toBeNull();
    },
  );
});

describe('PeerAuthentication', () => {
  it('reads modes by port, ascending', () => {
    const { spec } = parsePeerAuthentication(
      object({
        selector: { matchLabels: { app: 'a' } },
        mtls: { mode: 'STRICT' },
        portLevelMtls: { 8080: { mode: 'PERMISSIVE' }, 80: {} },
      }),
    );
    expect(spec).toEqual({
      selector: { matchLabels: { app: 'a' } },
      mode: 'STRICT',
      portLevel: new Map([
        [80, 'UNSET'],
        [8080, 'PERMISSIVE'],
      ]),
    });
  });

  it('counts a mode that cannot be read as STRICT', () => {
    const { spec, problems } = parsePeerAuthentication(object({ mtls: { mode: 'strict' } }));
    expect([spec?.mode, errors(problems)]).toEqual(['STRICT', ['spec.mtls.mode']]);
  });

  it('reports port-level modes without selector, an empty port map, and ports out of range', () => {
    expect(errors(parsePeerAuthentication(object({ portLevelMtls: { 80: {} } })).problems)).toEqual([
      'spec.portLevelMtls',
    ]);
    expect(errors(parsePeerAuthentication(object({ portLevelMtls: {} })).problems)).toEqual(['spec.portLevelMtls']);
    expect(
      errors(
        parsePeerAuthentication(object({ selector: { matchLabels: { a: 'b' } }, portLevelMtls: { 0: {} } })).problems,
      ),
    ).toEqual(['spec.portLevelMtls[0]']);
  });
});

describe('ServiceEntry', () => {
  it.each<[string, object, Record<string, string>, readonly string[]]>([
    ['resolution DNS', {}, {}, ['a.test']],
    ['resolution STATIC', { resolution: 'STATIC' }, {}, ['a.test']],
    ['the label true', {}, { 'networking.istio.io/enable-autoallocate-ip': 'true' }, ['a.test']],
    ['each of several hosts', { hosts: ['a.test', 'b.test'] }, {}, ['a.test', 'b.test']],
    ['a wildcard with DYNAMIC_DNS', { hosts: ['*.a.test'], resolution: 'DYNAMIC_DNS' }, {}, ['*.a.test']],
    ['not a wildcard otherwise', { hosts: ['*.a.test', 'b.test'], resolution: 'STATIC' }, {}, ['b.test']],
    ['not a host that is an address', { hosts: ['192.0.2.1'], resolution: 'STATIC' }, {}, []],
    ['not with resolution NONE', { resolution: 'NONE' }, {}, []],
    ['not with addresses of its own', { addresses: ['192.0.2.1'] }, {}, []],
    ['not with the label false', {}, { 'networking.istio.io/enable-autoallocate-ip': 'False' }, []],
    ['not when it cannot be read', { hosts: [] }, {}, []],
  ])('the mesh gives addresses to: %s', (_, more, labels, hosts) => {
    const ports = [{ number: 80, name: 'http', protocol: 'HTTP' }];
    const spec = { hosts: ['a.test'], ports, resolution: 'DNS', ...more };
    expect(automaticallyAddressedHosts(parseServiceEntry({ metadata: { name: 'x', labels }, spec }))).toEqual(hosts);
  });

  it('leaves out bad hosts, addresses, ports and endpoints one by one', () => {
    const { spec, problems } = parseServiceEntry(
      object({
        hosts: ['Example.com', '*', 'a b'],
        addresses: ['10.0.0.300', '192.0.2.0/24'],
        resolution: 'STATIC',
        ports: [{ number: 80, name: 'http', protocol: 'http' }, { number: 80, name: 'again' }, { name: 'none' }],
        endpoints: [{ address: '10.0.0.1' }, { address: 'host.example' }, { address: '1.2.3' }, {}],
      }),
    );
    expect(spec).toMatchObject({
      hosts: ['example.com'],
      addresses: ['192.0.2.0/24'],
      ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
      endpoints: [{ address: '10.0.0.1' }],
    });
    expect(errors(problems)).toEqual([
      'spec.hosts[1]',
      'spec.hosts[2]',
      'spec.ports[1].number',
      'spec.ports[2].number',
      'spec.addresses[0]',
      'spec.endpoints[1]',
      'spec.endpoints[2].address',
      'spec.endpoints[3].address',
    ]);
  });

  it.each<[string, object, string]>([
    ['no host', { hosts: [] }, 'spec.hosts'],
    [
      'endpoints with workloadSelector',
      { endpoints: [{ address: '10.0.0.1' }], workloadSelector: { labels: { a: 'b' } }, resolution: 'STATIC' },
      'spec.workloadSelector',
    ],
    ['a CIDR with DNS', { addresses: ['10.0.0.0/8'], resolution: 'DNS' }, 'spec.addresses'],
    ['NONE with endpoints', { endpoints: [{ address: '10.0.0.1' }] }, 'spec.endpoints'],
    [
      'round robin over several endpoints',
      { resolution: 'DNS_ROUND_ROBIN', endpoints: [{ address: 'a.b' }, { address: 'c.d' }] },
      'spec.endpoints',
    ],
  ])('reports %s', (_name, spec, field) => {
    expect(errors(parseServiceEntry(object({ hosts: ['a.example'], ...spec })).problems)).toContain(field);
  });
});

describe('WorkloadEntry and WorkloadGroup', () => {
  it.each([
    { address: '' },
    { address: '1.2.3.4.5' },
    { address: 'unix://relative' },
    { address: 'unix:///x', ports: { a: 1 } },
    {},
  ])('refuses the address of %j', (spec) => {
    expect(parseWorkloadEntry(object(spec)).spec).toBeNull();
  });

  it.each([{ address: '2001:db8::1' }, { address: 'vm.example' }, { address: 'unix:///x' }])('takes %j', (spec) => {
    expect(parseWorkloadEntry(object(spec))).toMatchObject({ spec, problems: [] });
  });

  it('a group needs a template and exactly one check in its probe', () => {
    expect(parseWorkloadGroup(object({})).spec).toBeNull();
    const { spec, problems } = parseWorkloadGroup(
      object({ template: { serviceAccount: 'vm' }, probe: { exec: {}, httpGet: { port: 1 } } }),
    );
    expect([spec?.template.serviceAccount, errors(problems)]).toEqual([
      'vm',
      ['spec.probe.exec.command', 'spec.probe'],
    ]);
  });
});

describe('metadata', () => {
  it('sorts the oldest first, then by namespace and name', () => {
    const make = (creationTimestamp: string, namespace: string, name: string) =>
      objectMetaOf({ metadata: { creationTimestamp, namespace, name } });
    const sorted = [
      make('2026-02-01T00:00:00Z', 'a', 'a'),
      make('2026-01-01T00:00:00Z', 'b', 'a'),
      make('2026-01-01T00:00:00Z', 'a', 'b'),
    ].sort(compareByAge);
    expect(sorted.map(({ namespace, name }) => namespace + name)).toEqual(['ab', 'ba', 'aa']);
  });

  it('selects by equality of every label', () => {
    expect(selectorMatches({ a: '1' }, { a: '1', b: '2' })).toBe(true);
    expect(selectorMatches({ a: '1', b: '3' }, { a: '1', b: '2' })).toBe(false);
    expect(selectorMatches({ toString: 'x' }, {})).toBe(false);
  });
});

describe('properties', () => {
  const parsers = [
    parseAuthorizationPolicy,
    parsePeerAuthentication,
    parseServiceEntry,
    parseWorkloadEntry,
    parseWorkloadGroup,
  ];
  const names = [
    'spec',
    'metadata',
    'name',
    'rules',
    'from',
    'to',
    'source',
    'operation',
    'ports',
    'ipBlocks',
    'hosts',
    'endpoints',
    'address',
    'selector',
    'matchLabels',
    'mtls',
    'mode',
    'portLevelMtls',
    'when',
    'key',
    'values',
    '__proto__',
  ];
  const { value } = fc.letrec<{ value: unknown; leaf: unknown }>((tie) => ({
    leaf: fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('10.0.0.0/8', '80', 'STRICT', 'DENY', 'example.com'),
    ),
    value: fc.oneof(
      { maxDepth: 6 },
      tie('leaf'),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie('value')),
    ),
  }));

  it('no parser throws, whatever it is given, and every problem names a field', () => {
    fc.assert(
      fc.property(value, value, (whole, spec) => {
        for (const parse of parsers) {
          for (const input of [whole, object(spec)]) {
            for (const { field } of parse(input).problems) expect(field).toMatch(/^(spec|metadata)/);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
