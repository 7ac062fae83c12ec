import { equalJson, type JsonObject, type ResourceInfo } from '@weft/testing-kube-schema';
import { addressAt } from '../auth/cluster-keys.js';
import type { ObjectApi } from './object-api.js';

const NAME = 'kubernetes';
const PORT = 443;

/** The Service `kubernetes` in `default`, by which pods find the API server, and its one endpoint. */
export async function publishServerService(
  api: ObjectApi,
  serviceCidr: string,
  endpoint: { readonly host: string; readonly port: number } | undefined,
): Promise<void> {
  const { catalog } = api.context;
  const find = (group: string, plural: string): ResourceInfo | undefined => catalog.find(group, 'v1', plural);
  const clusterIP = addressAt(serviceCidr.split(',')[0]!.trim(), 1);
  const put = async (info: ResourceInfo | undefined, labels: JsonObject, body: JsonObject): Promise<void> => {
    if (info === undefined) return;
    if (await api.ensure(info, 'default', { ...body, metadata: { name: NAME, labels } })) return;
    // Of an earlier run: the address may be another now.
    await api.update(info, { namespace: 'default', name: NAME }, (live) => {
      const fields = Object.entries(body).filter(([key]) => key !== 'spec');
      if (fields.every(([key, value]) => equalJson(live[key], value))) return null;
      return { ...live, ...Object.fromEntries(fields) };
    });
  };
  await put(
    find('', 'services'),
    { component: 'apiserver', provider: 'kubernetes' },
    {
      spec: {
        type: 'ClusterIP',
        ...(clusterIP === null ? {} : { clusterIP }),
        ports: [{ name: 'https', port: PORT, protocol: 'TCP', targetPort: endpoint?.port ?? PORT }],
      },
    },
  );
  if (endpoint === undefined) return;
  const ports = [{ name: 'https', port: endpoint.port, protocol: 'TCP' }];
  await put(
    find('', 'endpoints'),
    { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
    {
      subsets: [{ addresses: [{ ip: endpoint.host }], ports }],
    },
  );
  await put(
    find('discovery.k8s.io', 'endpointslices'),
    { 'kubernetes.io/service-name': NAME },
    {
      addressType: endpoint.host.includes(':') ? 'IPv6' : 'IPv4',
      endpoints: [{ addresses: [endpoint.host], conditions: { ready: true } }],
      ports,
    },
  );
}
