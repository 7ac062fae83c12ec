import type { ConfigSource } from '@weft/xds/gen/envoy/config/core/v3/config_source.js';
import { ApiConfigSource_ApiType, ApiVersion } from '@weft/xds/gen/envoy/config/core/v3/config_source.js';
import type { Draft } from './draft.js';
import { duration } from './duration.js';

type ConfigSourceDraft = Draft<typeof ConfigSource>;

/** The stream that everything else came by. Without a deadline: what waits for it must not go ahead without. */
export const ADS: ConfigSourceDraft = {
  configSourceSpecifier: { $case: 'ads', value: {} },
  initialFetchTimeout: duration(0),
  resourceApiVersion: ApiVersion.V3,
};

/** The agent beside Envoy, which holds the certificate. */
export const SDS: ConfigSourceDraft = {
  configSourceSpecifier: {
    $case: 'apiConfigSource',
    value: {
      apiType: ApiConfigSource_ApiType.DELTA_GRPC,
      transportApiVersion: ApiVersion.V3,
      setNodeOnFirstMessageOnly: true,
      grpcServices: [{ targetSpecifier: { $case: 'envoyGrpc', value: { clusterName: 'sds-grpc' } } }],
    },
  },
  initialFetchTimeout: duration(0),
  resourceApiVersion: ApiVersion.V3,
};
