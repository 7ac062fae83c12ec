import { err, ok, toError, type Result } from '@weft/result';
import { parse } from 'yaml';

/** The YAML of MeshConfig (ConfigMap `istio`, key `mesh`) as a mapping; nothing in it is checked yet. */
export function meshConfigMapping(yaml: string): Result<Readonly<Record<string, unknown>>, string> {
  let config: unknown;
  try {
    config = parse(yaml) ?? {};
  } catch (thrown) {
    return err(`MeshConfig is not YAML: ${toError(thrown).message.split('\n')[0]}`);
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) return err('MeshConfig is not a mapping');
  return ok(config as Readonly<Record<string, unknown>>);
}
