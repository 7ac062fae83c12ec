import type { HttpMatch, StringMatch } from '@weft/mesh-api';

/**
 * What both matches ask for, as one match: of a VirtualService and of the one that it delegates to. Null: no request can do both,
 * or it cannot be told.
 */
export function mergedMatch(outer: HttpMatch, inner: HttpMatch): HttpMatch | null {
  const texts = ['uri', 'scheme', 'method', 'authority'] as const;
  if (texts.some((field) => !narrows(outer[field], inner[field]))) return null;
  const maps = ['headers', 'withoutHeaders', 'queryParams'] as const;
  if (maps.some((field) => !Object.keys(outer[field]).every((key) => narrows(outer[field][key], inner[field][key]))))
    return null;
  const single = ['port', 'sourceNamespace', 'ignoreUriCase'] as const;
  if (single.some((field) => outer[field] !== undefined && inner[field] !== undefined && outer[field] !== inner[field]))
    return null;
  const { sourceLabels } = outer;
  if (Object.entries(sourceLabels).some(([key, value]) => (inner.sourceLabels[key] ?? value) !== value)) return null;
  return {
    ...outer,
    ...inner,
    headers: { ...outer.headers, ...inner.headers },
    withoutHeaders: { ...outer.withoutHeaders, ...inner.withoutHeaders },
    queryParams: { ...outer.queryParams, ...inner.queryParams },
    sourceLabels: { ...sourceLabels, ...inner.sourceLabels },
    gateways: inner.gateways.length > 0 ? inner.gateways : outer.gateways,
    ...(outer.name !== undefined && inner.name !== undefined ? { name: `${outer.name}-${inner.name}` } : {}),
  };
}

/** Whether every value that the inner condition takes is one of the outer's; what is not there takes all. */
function narrows(outer: StringMatch | undefined, inner: StringMatch | undefined): boolean {
  if (outer === undefined || inner === undefined) return true;
  const { exact, prefix } = inner;
  if (outer.exact !== undefined) return exact === outer.exact;
  if (outer.prefix !== undefined) return (exact ?? prefix)?.startsWith(outer.prefix) === true;
  // Without any field it asks for presence, which the inner one does, too.
  return outer.regex === undefined;
}
