import type { AttachedService, EnvoyPatch } from '@weft/mesh-model';

/** The patches of a service, of workloads or of a whole waypoint, one after the other. */
export const patchesOf = ({ envoyPatches }: Pick<AttachedService, 'envoyPatches'>): readonly EnvoyPatch[] =>
  envoyPatches.flatMap(({ patches }) => patches);
