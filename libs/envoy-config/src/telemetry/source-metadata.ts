import { Config } from '@weft/xds/gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata.js';
import { filter } from '../messages/extension.js';

/** What a tunnel's `baggage` header says of the client: names of metric labels without `source_`, and the keys there. */
export const SOURCE_FIELDS: Readonly<Record<string, string>> = {
  workload: 'k8s\\.(?:deployment|pod|job|cronjob)\\.name',
  workload_namespace: 'k8s\\.namespace\\.name',
  canonical_service: 'service\\.name',
  canonical_revision: 'service\\.version',
  app: 'service\\.name',
  version: 'service\\.version',
  cluster: 'k8s\\.cluster\\.name',
};

const NAMESPACE = 'io.istio.source';

/** Filter state under which a field goes on to the listener behind. */
export const stateOfSource = (field: string): string => `${NAMESPACE}.${field}`;
export const formatOfSource = (field: string): string => `%DYNAMIC_METADATA(${NAMESPACE}:${field})%`;

/** Takes the header apart; a field that is not in it stays unset. */
export function sourceMetadataFilter() {
  return filter('envoy.filters.http.header_to_metadata', Config, {
    requestRules: Object.entries(SOURCE_FIELDS).map(([key, pattern]) => ({
      header: 'baggage',
      onHeaderPresent: {
        metadataNamespace: NAMESPACE,
        key,
        regexValueRewrite: {
          // The second half matches every other header, and leaves nothing of it.
          pattern: { regex: `^(?:.*,)?\\s*${pattern}=([^,;]*).*$|^.*$` },
          substitution: '\\1',
        },
      },
    })),
  });
}
