import { candidateNames, withWildcards } from './candidate-names.js';

const names = (name: string) =>
  candidateNames(name.split('.'), 'ns1', 'cluster.local').map(({ name: it, strippedTo }) =>
    strippedTo === null ? it : `${it} < ${strippedTo}`,
  );

describe('candidateNames', () => {
  it.each([
    ['one label is a service of the own namespace', 'name', ['name.ns1.svc.cluster.local']],
    [
      'two labels are a service and its namespace, or a pod and its service',
      'name.ns2',
      ['name.ns2.svc.cluster.local', 'name.ns2.ns1.svc.cluster.local'],
    ],
    [
      'three labels that end in svc lack the domain',
      'name.ns2.svc',
      ['name.ns2.svc.cluster.local', 'name.ns2.svc.svc.cluster.local'],
    ],
    ['three labels may be a pod, a service and a namespace', 'www.google.com', ['www.google.com.svc.cluster.local']],
    ['four labels that end in svc lack the domain', 'pod.sub.ns.svc', ['pod.sub.ns.svc.cluster.local']],
    ['four other labels are whole', 'pod.sub.ns.other', []],
    ['half of the domain is no form of it', 'name.ns2.svc.cluster', []],
  ])('%s', (_rule, name, expanded) => expect(names(name)).toEqual([name, ...expanded]));

  it('takes search suffixes off, the longest first, and expands what is left', () => {
    expect(names('www.google.com.ns1.svc.cluster.local')).toEqual([
      'www.google.com.ns1.svc.cluster.local',
      'www.google.com < 3',
      'www.google.com.svc.cluster.local < 3',
      'www.google.com.ns1 < 4',
      'www.google.com.ns1.svc < 5',
    ]);
  });

  it('has each name once, with the way that came first', () => {
    expect(names('name.ns2.svc.cluster.local')).toEqual([
      'name.ns2.svc.cluster.local',
      'name.ns2 < 2',
      'name.ns2.ns1.svc.cluster.local < 2',
      'name.ns2.svc < 3',
      'name.ns2.svc.svc.cluster.local < 3',
    ]);
  });

  it('leaves a name alone that is a search suffix itself', () =>
    expect(names('svc.cluster.local')).toEqual([
      'svc.cluster.local',
      'svc.cluster.local.svc.cluster.local',
      'svc < 1',
      'svc.ns1.svc.cluster.local < 1',
    ]));
});

describe('withWildcards', () => {
  it.each([
    ['svc1', ['svc1']],
    ['svc1.ns1.svc.cluster.local', ['*.ns1.svc.cluster.local', '*.svc.cluster.local', '*.cluster.local', '*.local']],
  ])('%s', (name, want) => expect(withWildcards(name)).toEqual(name === 'svc1' ? want : [name, ...want]));
});
