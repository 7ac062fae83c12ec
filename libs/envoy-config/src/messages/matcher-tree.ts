import { StringValue } from '@weft/xds/gen/google/protobuf/wrappers.js';
import {
  ApplicationProtocolInput,
  DestinationIPInput,
  DestinationPortInput,
  ServerNameInput,
} from '@weft/xds/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs.js';
import { IPMatcher } from '@weft/xds/gen/xds/type/matcher/v3/ip.js';
import type { Matcher, Matcher_OnMatch } from '@weft/xds/gen/xds/type/matcher/v3/matcher.js';
import type { Draft } from './draft.js';
import { extension } from './extension.js';

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
export function byFirstBytes(http: OnMatchDraft, tcp: OnMatchDraft): OnMatchDraft {
  const map = Object.fromEntries(["'h2c'", "'http/1.1'"].map((key) => [key, http]));
  return nested({
    matcherType: {
      $case: 'matcherTree',
      value: {
        input: extension('envoy.matching.inputs.application_protocol', ApplicationProtocolInput, {}),
        treeType: { $case: 'exactMatchMap', value: { map } },
      },
    },
    onNoMatch: tcp,
  });
}

/** By the name that a TLS client asks for: as it is written first, then by the longest ending behind `*`. */
export function byServerName(
  names: readonly { readonly name: string; readonly next: OnMatchDraft }[],
  others: OnMatchDraft,
): OnMatchDraft {
  const input = extension('envoy.matching.inputs.server_name', ServerNameInput, {});
  const first = new Map<string, OnMatchDraft>();
  for (const { name, next } of names) if (!first.has(name.toLowerCase())) first.set(name.toLowerCase(), next);
  const exact = [...first].filter(([name]) => !name.startsWith('*')).sort(([a], [b]) => (a < b ? -1 : 1));
  const endings = [...first].filter(([name]) => name.startsWith('*')).sort(([a], [b]) => b.length - a.length);
  const matchers = endings.map(([name, onMatch]) => ({
    predicate: { matchType: { $case: 'singlePredicate' as const, value: { input, matcher: endsIn(name.slice(1)) } } },
    onMatch,
  }));
  const rest: OnMatchDraft =
    matchers.length === 0
      ? others
      : nested({ matcherType: { $case: 'matcherList', value: { matchers } }, onNoMatch: others });
  if (exact.length === 0) return rest;
  return nested({
    matcherType: {
      $case: 'matcherTree',
      value: { input, treeType: { $case: 'exactMatchMap', value: { map: Object.fromEntries(exact) } } },
    },
    onNoMatch: rest,
  });
}

/** Any name at all, if nothing is asked of its end. */
const endsIn = (suffix: string) => ({
  $case: 'valueMatch' as const,
  value:
    suffix === ''
      ? {
          matchPattern: {
            $case: 'safeRegex' as const,
            value: { engineType: { $case: 'googleRe2' as const, value: {} }, regex: '.+' },
          },
        }
      : { matchPattern: { $case: 'suffix' as const, value: suffix } },
});

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
