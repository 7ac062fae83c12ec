import type { Pod } from '@weft/kube';
import { planContainer, resolveInRoot } from '../kubelet/container-plan.js';
import { podFiles, podHostname } from '../kubelet/pod-files.js';
import type { LocalImage } from './local-image.js';
import { capabilitiesOf, initCommand, userCommand, type ContainerSpec } from './container-spec.js';

type Container = NonNullable<Pod['spec']>['containers'][number];

function plan(container: Partial<Container>, spec: object = {}, image?: LocalImage) {
  const pod = { metadata: { uid: 'u', name: 'p', namespace: 'n' }, spec: { containers: [], ...spec } } as Pod;
  const environment = new Map([
    ['A', '1'],
    ['HOME', '/root'],
  ]);
  return planContainer(
    { name: 'c', ...(image === undefined && { command: ['run', '$(A)'] }), ...container },
    { pod, attempt: 0, hostname: 'p', netnsPath: '/n', environment, files: {}, image },
  );
}
function planned(container: Partial<Container>, spec: object = {}): ContainerSpec {
  const result = plan(container, spec);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

describe('rights', () => {
  it('root keeps the capabilities that runtimes leave by default', () => {
    expect(capabilitiesOf(undefined)).toContain('NET_RAW');
    expect(capabilitiesOf(undefined)).not.toContain('NET_ADMIN');
    expect(capabilitiesOf({ drop: ['ALL'], add: ['cap_net_admin', 'SYS_ADMIN'] })).toEqual(['NET_ADMIN', 'SYS_ADMIN']);
    expect(capabilitiesOf({ drop: ['NET_RAW'] })).not.toContain('NET_RAW');
    expect(capabilitiesOf({ add: ['ALL'] })).toEqual(['ALL']);
  });

  it('another user is set by setpriv, or by a user namespace when we are not root ourselves', () => {
    const spec = planned(
      { securityContext: { runAsUser: 1234, runAsGroup: 5, capabilities: { drop: ['ALL'] } } },
      { securityContext: { fsGroup: 7 } },
    );
    expect(userCommand(spec, ['x'], false)).toEqual([
      '/usr/bin/setpriv',
      '--reuid=1234',
      '--regid=5',
      '--groups=7',
      '--bounding-set=-all',
      '--inh-caps=-all',
      '/usr/bin/env',
      '-i',
      '-C',
      '/',
      'A=1',
      'HOME=/root',
      'x',
    ]);
    expect(userCommand(spec, ['x'], true).slice(0, 4)).toEqual([
      '/usr/bin/unshare',
      '--user',
      '--map-user=1234',
      '--map-group=5',
    ]);
  });

  it('a privileged container keeps everything, and its init runs its command', () => {
    const spec = planned({ securityContext: { privileged: true } });
    expect(initCommand(spec, false)).toEqual([
      '/bin/sh',
      '-c',
      '"$@"; exit $?',
      'init',
      '/usr/bin/env',
      '-i',
      '-C',
      '/',
      'A=1',
      'HOME=/root',
      'run',
      '1',
    ]);
  });

  it('runAsNonRoot refuses root', () =>
    expect(plan({ securityContext: { runAsNonRoot: true } })).toEqual({
      ok: false,
      error: 'container has runAsNonRoot and would run as root',
    }));
});

describe('mounts', () => {
  const volumes = [
    { name: 'cfg', configMap: { name: 'x' } },
    { name: 'tmp', emptyDir: {} },
    { name: 'host', hostPath: { path: '/var/run/netns', type: 'Directory' } },
  ];
  const mounts = (...volumeMounts: Container['volumeMounts'] & object) => planned({ volumeMounts }, { volumes }).mounts;

  it("come from the kubelet's directory or the node, parents first", () => {
    expect(
      mounts(
        { name: 'cfg', mountPath: '/a/b' },
        { name: 'tmp', mountPath: '/a', subPath: 's' },
        { name: 'host', mountPath: '/host/netns', mountPropagation: 'HostToContainer', readOnly: true },
      ),
    ).toEqual([
      {
        source: '/var/lib/kubelet/pods/u/volumes/tmp/s',
        target: '/a',
        readOnly: false,
        propagation: 'private',
        sourceType: 'any',
      },
      {
        source: '/var/lib/kubelet/pods/u/volumes/cfg',
        target: '/a/b',
        readOnly: true,
        propagation: 'private',
        sourceType: 'existing',
      },
      {
        source: '/var/run/netns',
        target: '/host/netns',
        readOnly: true,
        propagation: 'slave',
        sourceType: 'Directory',
      },
    ]);
  });
  it('an unknown volume, a subPath that leaves it and a missing command are refused', () => {
    expect(plan({ volumeMounts: [{ name: 'nope', mountPath: '/x' }] })).toMatchObject({
      ok: false,
      error: 'volumeMount "nope" names no volume of the pod',
    });
    expect(plan({ volumeMounts: [{ name: 'tmp', mountPath: '/x', subPath: '../y' }] }, { volumes })).toMatchObject({
      ok: false,
      error: 'subPath "../y" leaves its volume',
    });
    expect(plan({ command: [] })).toMatchObject({
      ok: false,
      error: expect.stringContaining('has no command') as string,
    });
  });
  it('targets follow the links of the root file system', () => {
    expect(resolveInRoot('/proc/self/../no/such/path')).toBe('/proc/no/such/path');
    expect(resolveInRoot('/dev/fd/x')).toMatch(/^\/proc\/\d+\/fd\/x$/);
    expect(resolveInRoot('relative')).toBe('/relative');
  });
});

describe('a program for an image', () => {
  const image: LocalImage = { entrypoint: ['/echo', '--quiet'], files: { '/echo': '/home/me/echo' } };

  it('runs where the container names no command, with its arguments, and its files are there read-only', () =>
    expect(plan({ args: ['$(A)'] }, {}, image)).toMatchObject({
      ok: true,
      value: {
        command: ['/echo', '--quiet', '1'],
        mounts: [{ source: '/home/me/echo', target: '/echo', readOnly: true }],
      },
    }));

  it('the command of the container comes before the one of the image', () =>
    expect(plan({ command: ['other'] }, {}, image)).toMatchObject({ ok: true, value: { command: ['other'] } }));

  it('a container without both is told what it lacks', () =>
    expect(plan({ command: [], image: 'reg/a:v1' })).toMatchObject({
      ok: false,
      error: expect.stringMatching(/name one, or .*--images and a program for "reg\/a:v1"/) as string,
    }));
});

describe('files of /etc', () => {
  const inputs = {
    hostname: 'h',
    podIps: ['10.0.0.1'],
    clusterDomain: 'cluster.local',
    dnsAddress: '10.96.0.10',
    hostResolvConf: 'nameserver 9.9.9.9\n',
  };
  const files = (spec: object) => podFiles({ metadata: { namespace: 'n' }, spec } as Pod, inputs);

  it('hosts has the pod, its full name when it has a subdomain, and aliases', () => {
    const { 'etc/hosts': hosts } = files({ subdomain: 's', hostAliases: [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }] });
    expect(hosts).toContain('10.0.0.1\th.s.n.svc.cluster.local\th\n1.2.3.4\tx\ty\n');
  });
  it.each([
    [{}, 'nameserver 10.96.0.10\nsearch n.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n'],
    [{ hostNetwork: true }, 'nameserver 9.9.9.9\n'],
    [
      { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
      'nameserver 10.96.0.10\nsearch n.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n',
    ],
    [
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], options: [{ name: 'ndots', value: '1' }] } },
      'nameserver 1.1.1.1\noptions ndots:1\n',
    ],
  ])('resolv.conf of %j', (spec, wanted) => expect(files(spec)['etc/resolv.conf']).toBe(wanted));
  it("the host name is the pod's, cut to what is allowed, or the node's", () => {
    expect(podHostname({ metadata: { name: `${'a'.repeat(62)}-b` } }, 'node-1')).toBe('a'.repeat(62));
    expect(podHostname({ spec: { hostNetwork: true, containers: [] } }, 'node-1')).toBe('node-1');
  });
});
