import type { AttachedService, EnvoyPatch, IngressGateway } from '@weft/mesh-model';

/** The patches of a service, of workloads or of a whole waypoint, one after the other. */
export const patchesOf = ({ envoyPatches }: Pick<AttachedService, 'envoyPatches'>): readonly EnvoyPatch[] =>
  envoyPatches.flatMap(({ patches }) => patches);

const AT_GATEWAYS: readonly (string | undefined)[] = [undefined, 'ANY', 'GATEWAY'];

/** The same of a gateway at the edge: what is for gateways, as if it were for everything, since nothing else is there. */
export const gatewayPatchesOf = (gateway: Pick<IngressGateway, 'envoyPatches'>): readonly EnvoyPatch[] =>
  patchesOf(gateway)
    .filter(({ match }) => AT_GATEWAYS.includes(match.context) && match.waypoint === undefined)
    .map((patch) => ({ ...patch, match: { ...patch.match, context: 'ANY' } }));
