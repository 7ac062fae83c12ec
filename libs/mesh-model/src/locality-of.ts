import { LABEL_REGION, LABEL_SUBZONE, LABEL_ZONE } from '@weft/mesh-api';
import { Locality } from '@weft/xds/gen/mesh/workload/workload.js';

/** From node labels; undefined if the node has none of them. */
export function localityOfLabels(labels: Readonly<Record<string, string>>): Locality | undefined {
  return locality(labels[LABEL_REGION] ?? '', labels[LABEL_ZONE] ?? '', labels[LABEL_SUBZONE] ?? '');
}

/** From `region/zone/subzone`, each part optional. */
export function localityOfText(text: string): Locality | undefined {
  const [region = '', zone = '', subzone = ''] = text.split('/');
  return locality(region, zone, subzone);
}

const locality = (region: string, zone: string, subzone: string): Locality | undefined =>
  region === '' && zone === '' && subzone === '' ? undefined : Locality.fromPartial({ region, zone, subzone });
