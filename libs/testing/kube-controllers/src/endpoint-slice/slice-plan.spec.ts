import type { EndpointSlice } from '@weft/kube';
import fc from 'fast-check';
import type { EndpointGroup } from './endpoints.js';
import { planSlices } from './slice-plan.js';

const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
const endpoint = (host: number, ready = true) => ({
  addresses: [`10.0.${host >> 8}.${host & 255}`],
  conditions: { ready },
});
const group = (hosts: readonly number[]): EndpointGroup => ({
  addressType: 'IPv4',
  ports,
  endpoints: hosts.map((host) => endpoint(host)),
});
let serial = 0;

/** What the server would hold after the plan. */
function applied(existing: readonly EndpointSlice[], groups: readonly EndpointGroup[]) {
  const plan = planSlices(groups, existing);
  const updated = new Map(plan.update.map(({ slice, endpoints }) => [slice, endpoints]));
  const kept = existing.filter((slice) => !plan.delete.includes(slice));
  const slices: EndpointSlice[] = [
    ...kept.map((slice) => ({ ...slice, endpoints: [...(updated.get(slice) ?? slice.endpoints ?? [])] })),
    ...plan.create.map((each) => ({
      metadata: { name: `s-${serial++}` },
      addressType: each.group.addressType,
      ports: [...each.group.ports],
      endpoints: [...each.endpoints],
    })),
  ];
  return { plan, slices, writes: plan.create.length + plan.update.length + plan.delete.length };
}

describe('planSlices', () => {
  it('an endpoint stays in its slice, and a change touches one slice only', () => {
    const first = applied([], [group(Array.from({ length: 250 }, (_, i) => i))]).slices;
    expect(first.map(({ endpoints }) => endpoints?.length)).toEqual([100, 100, 50]);
    const next = applied(first, [group(Array.from({ length: 250 }, (_, i) => i).filter((host) => host !== 120))]);
    expect(next.plan.update).toHaveLength(1);
    expect(next.writes).toBe(1);
  });

  it('a Service without endpoints keeps one empty slice', () => {
    const { slices } = applied(applied([], [group([1])]).slices, [group([])]);
    expect(slices.map(({ endpoints }) => endpoints)).toEqual([[]]);
  });

  it('endpoints of other ports are not mixed in', () => {
    const other = { ...group([7]), ports: [{ name: 'http', port: 81, protocol: 'TCP' }] };
    const { slices } = applied(applied([], [group([1, 2])]).slices, [group([1]), other]);
    expect(slices.map((slice) => [slice.ports?.[0]?.port, slice.endpoints?.length])).toEqual([
      [80, 1],
      [81, 1],
    ]);
  });

  describe('properties', () => {
    const hosts = fc.uniqueArray(fc.nat(400), { maxLength: 300 });
    it('however the wanted set changes, the slices hold exactly it, 100 at most each, and a second look writes nothing', () => {
      fc.assert(
        fc.property(fc.array(hosts, { minLength: 1, maxLength: 4 }), (history) => {
          let slices: EndpointSlice[] = [];
          for (const wanted of history) {
            slices = applied(slices, [group(wanted)]).slices;
            const held = slices.flatMap(({ endpoints = [] }) => endpoints.map(({ addresses }) => addresses[0]!));
            expect(held.length).toBe(new Set(held).size);
            expect(new Set(held)).toEqual(new Set(wanted.map((host) => endpoint(host).addresses[0])));
            expect(Math.max(...slices.map(({ endpoints = [] }) => endpoints.length))).toBeLessThanOrEqual(100);
            expect(applied(slices, [group(wanted)]).writes).toBe(0);
          }
        }),
      );
    });
  });
});
