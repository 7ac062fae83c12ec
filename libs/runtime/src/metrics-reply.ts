import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Registry } from 'prom-client';

const compress = promisify(gzip);
/** Below this, compression costs more than it saves. */
const WORTH_COMPRESSING_BYTES = 1024;

/** One scrape: OpenMetrics where the scraper prefers it, else the Prometheus text format; gzip where it is accepted. */
export async function sendMetrics(
  registry: Registry,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { accept = '', 'accept-encoding': encodings = '' } = request.headers;
  const text = await registry.metrics();
  const openMetrics = prefersOpenMetrics(accept);
  const body = openMetrics ? openMetricsText(text) : text;
  reply.header('vary', 'accept, accept-encoding');
  reply.type(openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);
  if (!acceptsGzip(encodings) || body.length < WORTH_COMPRESSING_BYTES) return reply.send(body);
  return reply.header('content-encoding', 'gzip').send(await compress(body));
}

/** The quality of a media type or coding in an Accept header; null when it is not named. */
function qualityOf(header: string, name: string): number | null {
  for (const part of header.toLowerCase().split(',')) {
    const [token = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    if (token !== name) continue;
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    const value = quality === undefined ? 1 : Number(quality.slice(2));
    return Number.isFinite(value) ? value : 0;
  }
  return null;
}

function prefersOpenMetrics(accept: string): boolean {
  const open = qualityOf(accept, 'application/openmetrics-text') ?? 0;
  return open > 0 && open >= (qualityOf(accept, 'text/plain') ?? 0);
}

function acceptsGzip(encodings: string): boolean {
  return (qualityOf(encodings, 'gzip') ?? qualityOf(encodings, '*') ?? 0) > 0;
}

/**
 * The text format as OpenMetrics 1.0 wants it: the family of a counter is named without `_total`, its samples with it, and
 * the text ends with `# EOF`. A counter whose name does not end so has unknown type there.
 */
function openMetricsText(text: string): string {
  const lines: string[] = [];
  let help: string | null = null;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# HELP ')) {
      help = line;
      continue;
    }
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type === null) {
      lines.push(line);
      continue;
    }
    const [, name = '', kind = ''] = type;
    const isTotal = kind === 'counter' && name.endsWith('_total');
    const family = isTotal ? name.slice(0, -'_total'.length) : name;
    lines.push(
      `# TYPE ${family} ${kind === 'counter' && !isTotal ? 'unknown' : kind === 'untyped' ? 'unknown' : kind}`,
    );
    if (help !== null) lines.push(`# HELP ${family}${help.slice(`# HELP ${name}`.length)}`);
    help = null;
  }
  return `${lines.join('\n')}\n# EOF\n`;
}
