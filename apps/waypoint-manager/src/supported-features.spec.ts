import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SUPPORTED_FEATURES } from './supported-features.js';

/** `| test | feature, feature | where |`, of tables whose second column are features. */
const rows = readFileSync(join(__dirname, '../../../docs/gateway-api.md'), 'utf8')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => cells.length === 5 && /^[A-Z]/.test(cells[1]!));

const isOfMesh = (feature: string): boolean => feature.startsWith('Mesh');

describe('supported features', () => {
  it('are sorted, each once, and no more than the API allows', () => {
    expect(SUPPORTED_FEATURES).toEqual([...new Set(SUPPORTED_FEATURES)].sort());
    expect(SUPPORTED_FEATURES.length).toBeLessThanOrEqual(64);
  });

  it('are none of those that meshes have: the conformance suite wants them out of GatewayClasses', () =>
    expect(SUPPORTED_FEATURES.filter(isOfMesh)).toEqual([]));

  it('are those of the documented tests that are not open', () => {
    const missing = rows
      .filter(([, , , where]) => !where!.startsWith('open'))
      .flatMap(([, , features]) => features!.split(',').map((one) => one.trim()))
      .filter((feature) => feature !== 'core' && !isOfMesh(feature) && !SUPPORTED_FEATURES.includes(feature));
    expect(missing).toEqual([]);
  });

  it('no test of theirs is open', () => {
    const open = rows.filter(([, , , where]) => where!.startsWith('open')).map(([, test]) => test);
    const claimed = rows
      .filter(([, test]) => open.includes(test))
      .flatMap(([, , features]) => features!.split(',').map((one) => one.trim()))
      .filter((feature) => SUPPORTED_FEATURES.includes(feature));
    expect(claimed).toEqual([]);
  });
});
