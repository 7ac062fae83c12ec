import type { Picture } from './picture.js';

export interface RenderOptions {
  readonly color: boolean;
  readonly columns: number;
}

type Paint = (text: string) => string;
const sgr =
  (on: boolean, code: number): Paint =>
  (text) =>
    on ? `\u001b[${code}m${text}\u001b[0m` : text;

/** The picture as lines of text, never wider than the terminal. */
export function renderPicture(picture: Picture, { color, columns }: RenderOptions): string {
  const bold = sgr(color, 1);
  const green = sgr(color, 32);
  const yellow = sgr(color, 33);
  const red = sgr(color, 31);
  const enrolled = picture.pods.filter(({ mesh }) => mesh === 'enrolled').length;
  const section = (
    title: string,
    header: readonly string[],
    rows: readonly (readonly string[])[],
    paint: (row: number) => Paint,
  ): readonly string[] => {
    if (rows.length === 0) return ['', bold(title), '  none yet'];
    const widths = header.map((_, i) => Math.max(...[header, ...rows].map((row) => row[i]!.length)));
    const line = (row: readonly string[]): string =>
      `  ${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join('  ')}`
        .slice(0, columns)
        .trimEnd();
    return ['', bold(title), bold(line(header)), ...rows.map((row, i) => paint(i)(line(row)))];
  };
  return [
    bold(
      `cluster ${picture.cluster}  ${picture.nodes.length} nodes  ${picture.pods.length} pods, ${enrolled} in the mesh  ${picture.at}`,
    ),
    ...section(
      'NODES',
      ['NAME', 'ADDRESS', 'NODE', 'ZTUNNEL'],
      picture.nodes.map(({ name, address, ready, ztunnelReady }) => [
        name,
        address,
        ready ? 'ready' : 'not ready',
        ztunnelReady ? 'ready' : 'not ready',
      ]),
      (i) => (picture.nodes[i]!.ready && picture.nodes[i]!.ztunnelReady ? green : yellow),
    ),
    ...section(
      'PODS',
      ['NAMESPACE', 'NAME', 'NODE', 'IP', 'STATUS', 'MESH'],
      picture.pods.map(({ namespace, name, node, ip, status, mesh }) => [namespace, name, node, ip, status, mesh]),
      (i) =>
        ['enrolled', 'waypoint'].includes(picture.pods[i]!.mesh)
          ? green
          : picture.pods[i]!.mesh === 'pending'
            ? yellow
            : (text) => text,
    ),
    ...section(
      'CONNECTIONS',
      ['SOURCE', 'DESTINATION', 'SECURITY', 'TOTAL', 'OPEN', 'SENT', 'RECEIVED', 'IDENTITIES'],
      picture.connections.map((row) => [
        row.source,
        row.destination,
        row.security,
        String(row.opened),
        String(row.open),
        formatBytes(row.bytesSent),
        formatBytes(row.bytesReceived),
        row.security === 'mTLS' ? `${row.sourceIdentity ?? '?'} -> ${row.destinationIdentity ?? '?'}` : '',
      ]),
      (i) => (picture.connections[i]!.security === 'mTLS' ? green : yellow),
    ),
    ...section(
      'REQUESTS',
      ['SERVICE', 'STATUS', 'ANSWERED BY', 'COUNT', 'SHARE'],
      picture.requests.map(({ service, status, answeredBy, count, share }) => [
        service,
        String(status),
        answeredBy,
        String(count),
        `${Math.round(share * 100)} %`,
      ]),
      (i) => (picture.requests[i]!.status < 400 ? green : yellow),
    ),
    ...section(
      'DENIED',
      ['SOURCE', 'DESTINATION', 'COUNT', 'POLICY', 'IDENTITY', 'WHY'],
      picture.denials.map(({ source, destination, count, policy, sourceIdentity, reason }) => [
        source,
        destination,
        String(count),
        policy,
        sourceIdentity ?? 'none',
        reason,
      ]),
      () => red,
    ),
    '',
  ].join('\n');
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(1)} ${units[unit]!}`;
}
