import { err, ok, type Result } from '@weft/result';

/** An image in a registry, as `[oci://]registry/repository[:tag][@sha256:digest]`. */
export interface ImageReference {
  /** Host, with its port if it has one. */
  readonly registry: string;
  readonly repository: string;
  /** Default `latest`; a digest, where there is one, decides. */
  readonly tag: string;
  readonly digest: string | null;
}

const HUB = 'docker.io';
const HUB_HOST = 'registry-1.docker.io';
const HOST = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[a-f0-9]{64}$/;

/** @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
export function parseImageReference(url: string): Result<ImageReference, string> {
  const text = url.replace(/^oci:\/\//i, '');
  const [path = '', digest = null, ...more] = text.split('@');
  const slash = path.indexOf('/');
  const first = slash < 0 ? '' : path.slice(0, slash);
  const named = first.includes('.') || first.includes(':') || first === 'localhost';
  const rest = named ? path.slice(slash + 1) : path;
  const colon = rest.lastIndexOf(':');
  const repository = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? 'latest' : rest.slice(colon + 1);
  const registry = named ? first : HUB;
  if (!HOST.test(registry) || !REPOSITORY.test(repository) || !TAG.test(tag) || more.length > 0)
    return err(`${JSON.stringify(url)} is no image; write oci://registry/repository:tag`);
  if (digest !== null && !DIGEST.test(digest))
    return err(`${JSON.stringify(digest)} is no digest; write sha256:<64 digits>`);
  if (registry !== HUB) return ok({ registry, repository, tag, digest });
  return ok({
    registry: HUB_HOST,
    repository: repository.includes('/') ? repository : `library/${repository}`,
    tag,
    digest,
  });
}
