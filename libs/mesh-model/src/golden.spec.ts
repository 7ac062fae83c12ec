import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ipFromBytes } from '@weft/ip';
import { Authorization } from '@weft/xds/gen/mesh/security/authorization.js';
import { Service, Workload } from '@weft/xds/gen/mesh/workload/workload.js';
import { parseAllDocuments, stringify } from 'yaml';
import { MeshModel } from './mesh-model.js';
import { loadObjects } from './testing/load-objects.js';

const FOLDER = join(__dirname, '..', 'testdata');
const config = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  clusterDomain: 'cluster.local',
  network: '',
  dryRunPoliciesEnabled: false,
};

/** Addresses as text; keys sorted, so that the file does not depend on field order. */
function readable(value: unknown, key = ''): unknown {
  if (typeof value === 'string' && (key === 'address' || key === 'addresses'))
    return ipFromBytes(Buffer.from(value, 'base64'))?.text ?? value;
  if (Array.isArray(value)) return value.map((item) => readable(item, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [name, readable(item, name)]),
  );
}

const byKey = <T>(entries: Iterable<[string, T]>, print: (value: T) => unknown): Record<string, unknown> =>
  Object.fromEntries(
    [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, readable(print(value))]),
  );

describe('Kubernetes and mesh resources become workloads, services and policies', () => {
  const cases = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.in.yaml'))
    .map((file) => file.slice(0, -'.in.yaml'.length));

  it.each(cases)('%s', (name) => {
    const objects = parseAllDocuments(readFileSync(join(FOLDER, `${name}.in.yaml`), 'utf8')).map(
      (document) => document.toJS({ maxAliasCount: -1 }) as unknown,
    );
    const model = new MeshModel(config, ({ thrown }) => {
      throw thrown as Error;
    });
    loadObjects(model, objects);
    const output = stringify(
      {
        workloads: byKey(model.workloads.entries(), (workload) => Workload.toJSON(workload)),
        services: byKey(model.services.entries(), ({ message }) => Service.toJSON(message)),
        authorizations: byKey(model.authorizations.entries(), (policy) => Authorization.toJSON(policy)),
        statuses: byKey(model.statuses.entries(), ({ condition }) => condition),
      },
      { aliasDuplicateObjects: false, lineWidth: 0, singleQuote: true },
    );
    const file = join(FOLDER, `${name}.out.yaml`);
    if (process.env['UPDATE_GOLDEN'] === '1' || !existsSync(file)) writeFileSync(file, output);
    expect(output).toBe(readFileSync(file, 'utf8'));
  });
});
