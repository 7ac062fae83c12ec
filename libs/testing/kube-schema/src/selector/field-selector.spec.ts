import fc from 'fast-check';
import { builtinResources } from '../registry/builtin-resources.js';
import { matchesFields, parseFieldSelector } from './field-selector.js';

const resource = (plural: string) => builtinResources().find((item) => item.plural === plural)!;
const pod = {
  metadata: { name: 'web', namespace: 'shop' },
  spec: { nodeName: 'node-1' },
  status: { phase: 'Running', podIPs: [{ ip: '10.244.1.2' }] },
};

describe('field selector', () => {
  it.each([
    ['metadata.name=web', true],
    ['metadata.name==web,metadata.namespace!=shop', false],
    ['spec.nodeName=node-1', true],
    ['status.phase!=Running', false],
    ['status.podIPs=10.244.1.2', true],
    ['spec.hostNetwork=false', true],
    ['spec.nodeName=', false],
    ['', true],
  ])('of a pod: %s is %s', (text, expected) => {
    const parsed = parseFieldSelector(resource('pods'), text);
    expect(parsed.ok && matchesFields(resource('pods'), parsed.value, pod)).toBe(expected);
  });

  it('refuses a field that the resource does not offer', () => {
    expect(parseFieldSelector(resource('configmaps'), 'data.a=b')).toEqual({
      ok: false,
      error: 'field label not supported: data.a',
    });
  });

  it('refuses a term without an operator', () => {
    expect(parseFieldSelector(resource('pods'), 'metadata.name')).toMatchObject({ ok: false });
  });

  it('reads escaped commas, equal signs and backslashes in values', () => {
    const parsed = parseFieldSelector(resource('pods'), 'metadata.name=a\\,b\\=c\\\\d');
    expect(parsed).toEqual({ ok: true, value: [{ field: 'metadata.name', operator: '=', value: 'a,b=c\\d' }] });
    expect(parseFieldSelector(resource('pods'), 'metadata.name=a\\b')).toMatchObject({ ok: false });
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof parseFieldSelector(resource('pods'), text).ok === 'boolean'));
  });
});
