/** Ports of ztunnel itself inside a pod; a connection through the mesh to one of them would be a loop. */
const OWN_PORTS: ReadonlySet<number> = new Set([15001, 15006, 15008]);

export const SELF_CALL = 'attempted recursive call to ourselves';

export function isOwnPort(port: number): boolean {
  return OWN_PORTS.has(port);
}
