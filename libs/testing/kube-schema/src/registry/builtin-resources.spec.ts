import { builtinResources } from './builtin-resources.js';
import { builtinTypes } from '../builtin/builtin-schema.js';

describe('builtinResources', () => {
  it('gives every stored and virtual kind the schema of its fields', () => {
    const without = builtinResources().filter((resource) => resource.schema === undefined);
    expect(without.map((resource) => resource.kind)).toEqual([]);
  });

  it.each([
    ['pods', ['po'], true],
    ['services', ['svc'], true],
    ['nodes', ['no'], false],
    ['deployments', ['deploy'], true],
    ['customresourcedefinitions', ['crd', 'crds'], false],
  ])('serves %s with the short names kubectl users type', (plural, shortNames, namespaced) => {
    expect(builtinResources().find((resource) => resource.plural === plural)).toMatchObject({ shortNames, namespaced });
  });

  it('knows the merge keys and list keys of container ports', () => {
    const ports = builtinTypes().get('core.v1.Container')?.properties?.['ports'];
    expect(ports).toMatchObject({
      listType: 'map',
      listMapKeys: ['containerPort', 'protocol'],
      patchMergeKey: 'containerPort',
    });
    expect(ports?.items?.properties?.['protocol']).toMatchObject({ default: 'TCP' });
  });

  it('keeps the properties of a shared type that a field marks further', () => {
    const podSpec = builtinTypes().get('core.v1.PodSpec')!;
    expect(podSpec.properties?.['containers']?.items?.properties?.['image']).toEqual({ type: 'string' });
    expect(builtinTypes().get('core.v1.PersistentVolumeSpec')?.properties?.['claimRef']).toMatchObject({
      mapType: 'granular',
    });
  });
});
