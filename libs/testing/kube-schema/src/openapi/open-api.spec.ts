import { isObject, dig, type JsonObject } from '../json.js';
import { builtinResources } from '../registry/builtin-resources.js';
import { resourcesOfCrd } from '../registry/crd-resources.js';
import { openApiV2 } from './open-api-v2.js';
import { openApiV3, openApiV3Index } from './open-api-v3.js';

const custom = resourcesOfCrd({
  spec: {
    group: 'networking.example.io',
    scope: 'Namespaced',
    names: { plural: 'gateways', kind: 'Gateway' },
    versions: [
      {
        name: 'v1',
        served: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', description: 'what is wanted', properties: { port: { type: 'integer' } } },
            },
          },
        },
      },
    ],
  },
});
const all = [...builtinResources(), ...custom];

function references(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => references(item));
  if (!isObject(value)) return [];
  const own = typeof value['$ref'] === 'string' ? [value['$ref']] : [];
  return [...own, ...Object.values(value).flatMap((item) => references(item))];
}

describe('OpenAPI v3', () => {
  it('lists one document for each group version', () => {
    const { paths } = openApiV3Index(all, (path) => `hash of ${path}`) as { paths: JsonObject };
    expect(paths['api/v1']).toEqual({ serverRelativeURL: '/openapi/v3/api/v1?hash=hash%20of%20api%2Fv1' });
    expect(Object.keys(paths)).toContain('apis/networking.example.io/v1');
  });

  it('every reference of every document leads somewhere', () => {
    for (const resource of all) {
      const document = openApiV3(all, resource)!;
      const schemas = dig(document, 'components', 'schemas') as JsonObject;
      const lost = references(document).filter(
        (item) => !Object.hasOwn(schemas, item.replace('#/components/schemas/', '')),
      );
      expect(lost).toEqual([]);
    }
  });

  it('advertises fieldValidation and the patch types that a kind takes', () => {
    const patchOf = (document: JsonObject | undefined, path: string) => dig(document, 'paths', path, 'patch');
    const apps = patchOf(
      openApiV3(all, { group: 'apps', version: 'v1' }),
      '/apis/apps/v1/namespaces/{namespace}/deployments/{name}',
    );
    expect(apps).toMatchObject({
      'x-kubernetes-group-version-kind': { group: 'apps', version: 'v1', kind: 'Deployment' },
      'x-kubernetes-action': 'patch',
    });
    expect(dig(apps, 'parameters')).toContainEqual({
      name: 'fieldValidation',
      in: 'query',
      schema: { type: 'string', uniqueItems: true },
    });
    expect(Object.keys(dig(apps, 'requestBody', 'content') as JsonObject)).toContain(
      'application/strategic-merge-patch+json',
    );
    const gateway = patchOf(
      openApiV3(all, custom[0]!),
      '/apis/networking.example.io/v1/namespaces/{namespace}/gateways/{name}',
    );
    expect(Object.keys(dig(gateway, 'requestBody', 'content') as JsonObject)).not.toContain(
      'application/strategic-merge-patch+json',
    );
  });

  it('carries the merge keys that kubectl computes its patches by', () => {
    const document = openApiV3(all, { group: '', version: 'v1' });
    expect(dig(document, 'components', 'schemas', 'io.k8s.api.core.v1.PodSpec', 'properties', 'containers')).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'name',
    });
  });

  it('names custom kinds by the reversed group and keeps their descriptions', () => {
    const schema = dig(openApiV3(all, custom[0]!), 'components', 'schemas', 'io.example.networking.v1.Gateway');
    expect(schema).toMatchObject({
      properties: { spec: { description: 'what is wanted' } },
      'x-kubernetes-group-version-kind': [{ group: 'networking.example.io', version: 'v1', kind: 'Gateway' }],
    });
  });

  it('has nothing for a group version that is not served', () => {
    expect(openApiV3(all, { group: 'nope', version: 'v1' })).toBeUndefined();
  });
});

describe('OpenAPI v2', () => {
  it('holds all kinds, and every reference leads somewhere', () => {
    const document = openApiV2(all) as { definitions: JsonObject };
    const lost = references(document).filter(
      (item) => !Object.hasOwn(document.definitions, item.replace('#/definitions/', '')),
    );
    expect(lost).toEqual([]);
    expect(Object.keys(document.definitions)).toContain('io.k8s.api.apps.v1.Deployment');
  });
});
