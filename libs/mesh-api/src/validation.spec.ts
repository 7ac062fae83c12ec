import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { validationFixtures } from '@weft/testing-fixtures';
import { formatProblem } from './field-problem.js';
import { MESH_KINDS } from './mesh-kinds.js';
import { validationPage } from './testing/validation-page.js';
import { kindOfObject, validateObject } from './validate-object.js';

describe.each(validationFixtures().map((fixture) => [`${fixture.kind}.${fixture.group}`, fixture] as const))(
  '%s says exactly what is wrong, and the cure',
  (_name, { cases }) => {
    it.each(cases.filter(({ byWebhook }) => !byWebhook).map((one) => [one.name, one] as const))(
      '%s',
      (_case, { object, deny, warn }) => {
        const { errors, warnings } = validateObject(object, kindOfObject(object)!);
        expect({ deny: errors.map(formatProblem), warn: warnings.map(formatProblem) }).toEqual({ deny, warn });
      },
    );
  },
);

it('every kind has its bad input', () => {
  const named = ({ kind, group }: { kind: string; group: string }) => `${kind}.${group}`;
  expect(validationFixtures().map(named).sort()).toEqual(MESH_KINDS.map(named).sort());
});

it('docs/validation.md says what is said; UPDATE_GOLDEN=1 writes it', () => {
  const file = join(__dirname, '../../../docs/validation.md');
  const page = validationPage(validationFixtures());
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, page);
  expect(readFileSync(file, 'utf8')).toBe(page);
});

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
