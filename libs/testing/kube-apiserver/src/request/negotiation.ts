import { notAcceptable } from '../status-error.js';

/** How an answer is to look. */
export interface ResponseForm {
  readonly format: 'json' | 'yaml';
  readonly as: 'object' | 'table' | 'partial';
}

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** The media ranges of an Accept header, best first; ranges of one quality keep their order. */
export function parseAccept(header: string): readonly MediaRange[] {
  return header
    .split(',')
    .map((part) => {
      const [type = '', ...rest] = part.split(';').map((piece) => piece.trim());
      const parameters = new Map<string, string>();
      for (const parameter of rest) {
        const equals = parameter.indexOf('=');
        if (equals > 0)
          parameters.set(parameter.slice(0, equals).toLowerCase(), parameter.slice(equals + 1).replace(/^"|"$/g, ''));
      }
      const quality = Number(parameters.get('q') ?? '1');
      return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 0 };
    })
    .filter((range) => range.type !== '' && range.quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

const FORMATS: Readonly<Record<string, 'json' | 'yaml'>> = {
  '*/*': 'json',
  'application/*': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
};
const ACCEPTED = ['application/json', 'application/yaml'];

/** The first form of the Accept header that this server can write; 406 when there is none (protobuf alone, for example). */
export function negotiate(header: string | undefined): ResponseForm {
  if (header === undefined || header.trim() === '') return { format: 'json', as: 'object' };
  for (const { type, parameters } of parseAccept(header)) {
    const format = FORMATS[type];
    if (format === undefined) continue;
    const as = parameters.get('as');
    if (as === undefined) return { format, as: 'object' };
    if (parameters.get('g') !== 'meta.k8s.io' || parameters.get('v') !== 'v1') continue;
    if (as === 'Table') return { format, as: 'table' };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { format, as: 'partial' };
  }
  throw notAcceptable(ACCEPTED);
}
