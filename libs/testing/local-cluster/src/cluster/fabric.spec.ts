import { baseNetworkConfig } from '../cni/base-network.js';
import { checkClusterOptions, planNetwork, planNodes } from './cluster-options.js';
import { Fabric } from './fabric.js';

const plans = planNodes([{ name: 'node-1' }, { name: 'node-2', zone: 'b' }]);

it('each node has an address on the bridge and a range for its pods', () => {
  expect(plans.map(({ name, address, podCidr, podGateway }) => [name, address, podCidr, podGateway])).toEqual([
    ['node-1', '172.30.0.11', '10.244.1.0/24', '10.244.1.1'],
    ['node-2', '172.30.0.12', '10.244.2.0/24', '10.244.2.1'],
  ]);
});

it('nodes route to the pods of each other directly', () => {
  const fabric = new Fabric(plans);
  expect(fabric.nodeBatch(plans[0]!)).toBe(
    [
      'link set lo up',
      'addr add 172.30.0.11/24 dev eth0',
      'link set eth0 up',
      'route add default via 172.30.0.1',
      'route add unreachable 10.244.1.0/24 metric 4096',
      'route add 10.244.2.0/24 via 172.30.0.12',
      '',
    ].join('\n'),
  );
  expect(fabric.rootBatch()).toContain(
    'link add node2 type veth peer name eth0 netns node-2\nlink set node2 master weft0 up\nroute add 10.244.2.0/24 via 172.30.0.12\n',
  );
});

it('of two families, nodes and pods have addresses of each, and Services are of the first unless they choose', () => {
  const network = planNetwork('dual');
  expect(network.primary.family).toBe(4);
  const dual = planNodes([{ name: 'node-1' }, { name: 'node-2' }], network);
  expect(dual[0]).toMatchObject({ address: '172.30.0.11', podCidr: '10.244.1.0/24' });
  expect(dual[1]!.families[1]).toEqual({
    family: 6,
    address: 'fd00:30::12',
    podCidr: 'fd00:10:244:2::/64',
    podGateway: 'fd00:10:244:2::1',
  });
  expect(new Fabric(dual, network).nodeBatch(dual[0]!).split('\n')).toEqual(
    expect.arrayContaining([
      'addr add fd00:30::11/64 dev eth0 nodad',
      'route add default via fd00:30::1',
      'route add fd00:10:244:2::/64 via fd00:30::12',
    ]),
  );
  expect(baseNetworkConfig(dual[1]!)).toMatchObject({
    plugins: [
      {
        ipam: {
          ranges: [
            [{ subnet: '10.244.2.0/24', gateway: '10.244.2.1' }],
            [{ subnet: 'fd00:10:244:2::/64', gateway: 'fd00:10:244:2::1' }],
          ],
          routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
        },
      },
    ],
  });
  const [six] = planNodes([{ name: 'node-1' }], planNetwork('ipv6'));
  expect(six).toMatchObject({ address: 'fd00:30::11', podCidr: 'fd00:10:244:1::/64' });
});

it("the base network gives each pod a device and an address of the node's range", () => {
  expect(baseNetworkConfig(plans[1]!)).toMatchObject({
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: { type: 'host-local', ranges: [[{ subnet: '10.244.2.0/24', gateway: '10.244.2.1' }]] },
      },
    ],
  });
});

it.each([
  [{ name: 'Bad Name' }, 'name: want lower-case letters, digits and dashes'],
  [{ stateDir: 'relative' }, 'stateDir: want an absolute path'],
  [{ stateDir: '/var/run/x' }, 'stateDir: must not be below /run'],
  [{ stateDir: `/${'x'.repeat(90)}` }, 'stateDir: longer than 80 characters'],
  [{ nodes: [{ name: 'a' }, { name: 'a' }] }, 'nodes: a appears twice'],
])('%j is refused: %s', (change, problem) => {
  expect(() => checkClusterOptions({ name: 'ok', stateDir: '/x', nodes: [{ name: 'a' }], ...change })).toThrow(problem);
});
