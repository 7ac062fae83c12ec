import { chooseEngine, type EngineProbe } from './choose-engine.js';

const works: EngineProbe = { systemCalls: () => null, openSsl: () => null };
const noOpenSsl: EngineProbe = { ...works, openSsl: () => 'Cannot find function SSL_new' };
const noKoffi: EngineProbe = { ...works, systemCalls: () => "Cannot find module 'koffi'" };

describe('chooseEngine', () => {
  it('this machine has what the ffi engine needs', () =>
    expect(chooseEngine('auto')).toEqual({ ok: true, value: { engine: 'ffi', fallbackReason: null } }));

  it('takes what was asked for where it works', () => {
    expect(chooseEngine('ffi', works)).toMatchObject({ value: { engine: 'ffi' } });
    expect(chooseEngine('portable', works)).toMatchObject({ value: { engine: 'portable' } });
    expect(chooseEngine('portable', noOpenSsl)).toMatchObject({ value: { engine: 'portable', fallbackReason: null } });
  });

  it('falls back to the portable one, and says why, unless ffi was demanded', () => {
    expect(chooseEngine('auto', noOpenSsl)).toEqual({
      ok: true,
      value: { engine: 'portable', fallbackReason: 'Cannot find function SSL_new' },
    });
    expect(chooseEngine('ffi', noOpenSsl)).toEqual({
      ok: false,
      error: expect.stringContaining('set WEFT_ENGINE=portable') as string,
    });
  });

  it.each(['auto', 'ffi', 'portable'] as const)('%s: without system calls no engine can enter a pod', (wish) =>
    expect(chooseEngine(wish, noKoffi)).toEqual({ ok: false, error: expect.stringContaining("'koffi'") as string }),
  );
});
