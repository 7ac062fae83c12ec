import type { Collection } from '@weft/collections';
import type { MeshModel } from '@weft/mesh-model';
import { jwksSource } from './jwt-filter.js';

/** The addresses of keys that attached RequestAuthentications need; the key of each entry is the address. */
export function jwksSources({ graph, attachedServices }: MeshModel): Collection<string> {
  const used = graph.deriveMany(
    'used keys of token issuers',
    attachedServices,
    ({ key, requestAuthentications }) => {
      const sources = requestAuthentications.flatMap(({ spec }) =>
        spec.jwtRules.flatMap((rule) => jwksSource(rule) ?? []),
      );
      return [...new Set(sources)].map((source) => ({ user: key, source }));
    },
    { key: ({ user, source }) => `${user} ${source}` },
  );
  const grouped = graph.group('users of token issuers', used, ({ source }) => [source]);
  return graph.derive('addresses of keys', grouped, ({ key }) => key);
}
