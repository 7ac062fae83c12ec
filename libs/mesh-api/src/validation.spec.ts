import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { formatProblem, type FieldProblem } from './field-problem.js';
import { MESH_KINDS } from './mesh-kinds.js';

interface Fixture {
  readonly kind: string;
  readonly group: string;
  readonly cases: readonly {
    readonly name: string;
    readonly spec: unknown;
    readonly deny?: readonly string[];
    readonly warn?: readonly string[];
  }[];
}

const FOLDER = join(__dirname, '../testdata/validation');
const fixtures = readdirSync(FOLDER).map((file) => parse(readFileSync(join(FOLDER, file), 'utf8')) as Fixture);

/** `$1025` stands for a text of that length. */
function expanded(value: unknown): unknown {
  if (typeof value === 'string') return /^\$\d+$/.test(value) ? 'x'.repeat(Number(value.slice(1))) : value;
  if (Array.isArray(value)) return value.map(expanded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expanded(item)]));
}

describe.each(fixtures.map((fixture) => [`${fixture.kind}.${fixture.group}`, fixture] as const))(
  '%s says exactly what is wrong, and the cure',
  (_name, { kind, group, cases }) => {
    const described = MESH_KINDS.find((one) => one.kind === kind && one.group === group)!;

    it.each(cases.map((one) => [one.name, one] as const))('%s', (_case, { spec, deny = [], warn = [] }) => {
      const { problems } = described.parse({ metadata: { name: 'x', namespace: 'ns' }, spec: expanded(spec) });
      const of = (severity: FieldProblem['severity']) =>
        problems.filter((problem) => problem.severity === severity).map(formatProblem);
      expect({ deny: of('error'), warn: of('warning') }).toEqual({ deny, warn });
    });
  },
);

describe('hostile specs', () => {
  const virtualService = MESH_KINDS.find(({ kind }) => kind === 'VirtualService')!;
  const parse = (spec: unknown) => virtualService.parse({ metadata: { name: 'x', namespace: 'ns' }, spec });

  it('10 MB with a problem in every line give a list that people can read', () => {
    const http = Array.from({ length: 100_000 }, (_, i) => ({
      match: [{ uri: { exakt: `/${i}`.padEnd(60, 'x') } }],
      route: 'none',
    }));
    expect(JSON.stringify(http).length).toBeGreaterThan(10_000_000);
    const { problems, spec } = parse({ hosts: ['reviews'], http });
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)!.problem).toMatch(/^has \d+ more problems$/);
    expect(spec).not.toBeNull();
  });

  it('one value of 10 MB is not repeated in the message', () => {
    const { problems } = parse({ hosts: ['x'.repeat(10_000_000)], http: [] });
    expect(problems[0]!.problem.length).toBeLessThan(200);
  });

  it('thousands of large expressions are refused one by one', () => {
    const http = Array.from({ length: 2000 }, (_, i) => ({
      match: [{ uri: { regex: `(${'a{500}'.repeat(2)}){${500 + (i % 400)}}` } }],
    }));
    expect(parse({ hosts: ['reviews'], http }).problems).toHaveLength(201);
  });
});

describe('what is left of a VirtualService with errors', () => {
  const parse = (...http: unknown[]) =>
    MESH_KINDS.find(({ kind }) => kind === 'VirtualService')!.parse({
      metadata: { name: 'x', namespace: 'ns' },
      spec: { hosts: ['reviews'], http },
    }).spec as { http: { match: unknown[]; route: unknown[]; directResponse?: { status: number } }[] };
  const route = [{ destination: { host: 'reviews' } }];

  it('a route whose match cannot be read is left out: it would match more', () => {
    expect(parse({ match: [{ headers: { x: { regex: '(' } } }], route }, { route }).http).toHaveLength(1);
  });

  it('one of several matches that cannot be read is left out', () => {
    expect(parse({ match: [{ uri: { regex: '(' } }, { uri: { exact: '/a' } }], route }).http[0]!.match).toHaveLength(1);
  });

  it('a route whose action cannot be told answers 500: the next one might allow what it refused', () => {
    const [first] = parse({ match: [{ uri: { prefix: '/admin' } }], directResponse: { status: 99 } }, { route }).http;
    expect(first).toMatchObject({ route: [], directResponse: { status: 500 } });
    expect(first!.match).toHaveLength(1);
  });

  it('other parts that cannot be read are left out alone', () => {
    const [first] = parse({ route, timeout: 'soon', retries: { attempts: 2, retryOn: 'sometimes' } }).http;
    expect(first).toMatchObject({ route: [{ destination: { host: 'reviews' } }], retries: { attempts: 2 } });
    expect(first).not.toHaveProperty('timeout');
  });
});
