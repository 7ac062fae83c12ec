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

const ENDPOINTS_WAIT_MS = 5000;

/**
 * The same for endpoints. A changed cluster waits for its endpoints, also for those that Envoy has: should the stream break
 * in between, Envoy goes on with those that it has in its cache after this time.
 */
export const ADS_ENDPOINTS: ConfigSourceDraft = { ...ADS, initialFetchTimeout: duration(ENDPOINTS_WAIT_MS) };

/** The same for certificates of gateways: a listener must not wait without end for one that does not come. */
export const ADS_SECRETS: ConfigSourceDraft = { ...ADS, initialFetchTimeout: duration(ENDPOINTS_WAIT_MS) };

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
