import { readFileSync } from 'node:fs';
import type { ZtunnelConfig } from '../config.js';
import type { MeshState } from './mesh-state.js';
import { loadStaticConfig } from './static-config.js';

/** Fills the state from `LOCAL_XDS_PATH` or `LOCAL_XDS`; gives what is shown of it. Throws when it cannot be read. */
export function readStaticConfig({ localXds }: Pick<ZtunnelConfig, 'localXds'>, state: MeshState): unknown {
  if (localXds === null) return {};
  const text = 'path' in localXds ? readFileSync(localXds.path, 'utf8') : localXds.inline;
  const loaded = loadStaticConfig(text, state);
  if (!loaded.ok) throw new Error(`local configuration: ${loaded.error.join('; ')}`);
  return { resources: loaded.value };
}
