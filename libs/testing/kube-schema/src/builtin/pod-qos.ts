import { asList, asObject, dig, type JsonObject } from '../json.js';
import { parseQuantity } from './quantity.js';

/** Guaranteed: cpu and memory limits on every container, equal to the requests. BestEffort: nothing asked for. Else Burstable. */
export function podQosClass(pod: JsonObject): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...asList(dig(pod, 'spec', 'initContainers')), ...asList(dig(pod, 'spec', 'containers'))];
  let asked = false;
  let guaranteed = containers.length > 0;
  for (const container of containers) {
    const limits = asObject(dig(container, 'resources', 'limits'));
    const requests = { ...limits, ...asObject(dig(container, 'resources', 'requests')) };
    for (const name of ['cpu', 'memory']) {
      const [limit, request] = [amount(limits[name]), amount(requests[name])];
      if (limit > 0 || request > 0) asked = true;
      if (limit === 0 || limit !== request) guaranteed = false;
    }
  }
  if (!asked) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function amount(quantity: unknown): number {
  if (typeof quantity === 'number') return quantity;
  return typeof quantity === 'string' ? (parseQuantity(quantity) ?? 0) : 0;
}
