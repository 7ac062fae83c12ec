import { StringValue } from '@weft/xds/gen/google/protobuf/wrappers.js';
import {
  ApplicationProtocolInput,
  DestinationIPInput,
  DestinationPortInput,
} from '@weft/xds/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs.js';
import { IPMatcher } from '@weft/xds/gen/xds/type/matcher/v3/ip.js';
import type { Matcher, Matcher_OnMatch } from '@weft/xds/gen/xds/type/matcher/v3/matcher.js';
import type { Draft } from '../messages/draft.js';
import { extension } from '../messages/extension.js';

export type MatcherDraft = Draft<typeof Matcher>;
export type OnMatchDraft = Draft<typeof Matcher_OnMatch>;

export interface Cidr {
  readonly address: string;
  readonly prefixLength: number;
}

/** Ends in the filter chain of that name. */
export const toChain = (name: string): OnMatchDraft => ({
  onMatch: { $case: 'action', value: { name, typedConfig: extension(name, StringValue, { value: name }).typedConfig } },
});

const nested = (matcher: MatcherDraft): OnMatchDraft => ({ onMatch: { $case: 'matcher', value: matcher } });

/** By the port that the client asked for. */
export function byPort(ports: ReadonlyMap<number, OnMatchDraft>): OnMatchDraft {
  const map = Object.fromEntries([...ports].sort(([a], [b]) => a - b).map(([port, next]) => [String(port), next]));
  return nested({
    matcherType: {
      $case: 'matcherTree',
      value: {
        input: extension('envoy.matching.inputs.destination_port', DestinationPortInput, {}),
        treeType: { $case: 'exactMatchMap', value: { map } },
      },
    },
  });
}

/** By what the inspector saw in the first bytes. The quotes are part of the keys. */
export function byFirstBytes(http: string, tcp: string): OnMatchDraft {
  const map = Object.fromEntries(["'h2c'", "'http/1.1'"].map((key) => [key, toChain(http)]));
  return nested({
    matcherType: {
      $case: 'matcherTree',
      value: {
        input: extension('envoy.matching.inputs.application_protocol', ApplicationProtocolInput, {}),
        treeType: { $case: 'exactMatchMap', value: { map } },
      },
    },
    onNoMatch: toChain(tcp),
  });
}

/** By the address that the client asked for. Entries without ranges are left out: Envoy refuses them. */
export function byAddress(
  entries: readonly { readonly ranges: readonly Cidr[]; readonly next: OnMatchDraft }[],
): MatcherDraft {
  return {
    matcherType: {
      $case: 'matcherTree',
      value: {
        input: extension('envoy.matching.inputs.destination_ip', DestinationIPInput, {}),
        treeType: {
          $case: 'customMatch',
          value: extension('ip', IPMatcher, {
            rangeMatchers: entries
              .filter(({ ranges }) => ranges.length > 0)
              .map(({ ranges, next }) => ({
                ranges: ranges.map(({ address, prefixLength }) => ({
                  addressPrefix: address,
                  prefixLen: prefixLength,
                })),
                onMatch: next,
              })),
          }),
        },
      },
    },
  };
}
