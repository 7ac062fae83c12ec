import { meshYaml } from './mesh-yaml.js';

it('the server has an address for each cold connection, and a policy that lets the client in', () => {
  const mesh = JSON.parse(meshYaml(300)) as {
    workloads: { name: string; workloadIps: string[] }[];
    policies: { action: string; rules: unknown }[];
  };
  expect(new Set(mesh.workloads[1]!.workloadIps).size).toBe(301);
  expect(mesh.workloads[1]!.workloadIps.at(-1)).toBe('10.215.1.43');
  expect(mesh.policies[0]).toMatchObject({
    action: 'Allow',
    rules: [[[{ principals: [{ Exact: 'cluster.local/ns/bench/sa/client' }] }]]],
  });
});
