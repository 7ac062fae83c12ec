import { until } from '@weft/testing-fixtures';
import { DataPlaneSuite, echo, endOf } from '../testing/data-plane-suite.js';
import { ENGINE_NAMES } from './engine.js';

describe.each(ENGINE_NAMES)('%s engine', (engine) => {
  const suite = new DataPlaneSuite(engine);

  /** What both proxies tell of the trace of one connection: outbound first. */
  async function tracesOf(limits: { readonly traceRatio: number | null }): Promise<(string | undefined)[]> {
    const rig = await suite.start({ limits });
    await suite.serveEcho();
    await echo(suite.connect());
    await until(async () => {
      await rig.settle();
      return rig.of('connectionOpened').length === 2;
    }, 'both proxies tell of it');
    const told = rig.of('connectionOpened');
    return (['outbound', 'inbound'] as const).map((side) => told.find(({ direction }) => direction === side)?.trace);
  }

  it('both ends tell of the same trace', async () => {
    const [outbound, inbound] = await tracesOf({ traceRatio: 1 });
    expect(outbound).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(inbound).toBe(outbound);
  });

  it.each([0, null])('of none with ratio %s', async (traceRatio) => {
    expect(await tracesOf({ traceRatio })).toEqual([undefined, undefined]);
  });

  it('a refusal is told of with its trace', async () => {
    const rig = await suite.start({ limits: { traceRatio: 1 } });
    rig.verdict = () => ({ kind: 'deny', status: 401, reason: 'by policy' });
    await endOf(suite.connect());
    const [outbound, inbound] = await Promise.all(
      (['outbound', 'inbound'] as const).map((side) =>
        rig.waitFor('connectionFailed', ({ direction }) => direction === side),
      ),
    );
    expect(inbound?.trace).toMatch(/-01$/);
    expect(inbound?.trace).toBe(outbound?.trace);
  });
});
