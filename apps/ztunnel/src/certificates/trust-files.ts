import { dirname, join } from 'node:path';
import { parseMeshTrustDomains } from '@weft/mesh-api';
import type { Clock } from '@weft/result';
import type { ZtunnelConfig } from '../config.js';
import type { PeerTrustFeed, PeerTrustFeedOptions } from './peer-trust-feed.js';
import { WatchedFile } from './watched-file.js';

/** Beside the CRL, in the same ConfigMap. */
const DISTRUSTED_ROOTS = 'distrusted-roots.pem';

/** The mounted files that say whom to trust, each followed by the feed. */
export function trustFilesOf(
  { crlPath, meshConfigPath, trustDomain }: Pick<ZtunnelConfig, 'crlPath' | 'meshConfigPath' | 'trustDomain'>,
  feed: PeerTrustFeed,
  clock: Clock,
  log: PeerTrustFeedOptions['log'],
): readonly WatchedFile[] {
  const follow = (path: string, onContent: (content: Buffer | null) => void): WatchedFile =>
    new WatchedFile({ path, clock, log, onContent });
  const meshConfig = (content: Buffer | null): void => {
    const names = parseMeshTrustDomains(content?.toString() ?? '');
    if (!names.ok) log.error({ path: meshConfigPath, error: names.error }, 'MeshConfig refused; the last one stays');
    else feed.trustDomains([names.value.trustDomain ?? trustDomain, ...names.value.trustDomainAliases]);
  };
  const crls =
    crlPath === null
      ? []
      : [
          follow(crlPath, (content) => feed.crlFile(content)),
          follow(join(dirname(crlPath), DISTRUSTED_ROOTS), (content) => feed.distrustedRoots(content)),
        ];
  return [...crls, follow(meshConfigPath, meshConfig)];
}
