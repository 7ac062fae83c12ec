import { systemCallsProblem } from '@weft/linux';
import { err, ok, type Result } from '@weft/result';
import { openSslProblem } from '@weft/tls';
import { ENGINE_NAMES, type EngineName } from './engine.js';

/** `auto`: the ffi engine where it can run, else the portable one. */
export const ENGINE_WISHES = ['auto', ...ENGINE_NAMES] as const;
export type EngineWish = (typeof ENGINE_WISHES)[number];

export interface EngineChoice {
  readonly engine: EngineName;
  /** Why it is not the ffi engine, although nobody asked for another. */
  readonly fallbackReason: string | null;
}

/** What is missing on this machine; null: nothing. */
export interface EngineProbe {
  readonly systemCalls: () => string | null;
  readonly openSsl: () => string | null;
}

const THIS_MACHINE: EngineProbe = { systemCalls: systemCallsProblem, openSsl: openSslProblem };

/** Fails with what the operator has to change. Sockets in pods' network namespaces need system calls with either engine. */
export function chooseEngine(wish: EngineWish, probe: EngineProbe = THIS_MACHINE): Result<EngineChoice, string> {
  const systemCalls = probe.systemCalls();
  if (systemCalls !== null) {
    return err(
      `koffi cannot make system calls here, which every engine needs to enter pods' namespaces: ${systemCalls}`,
    );
  }
  if (wish === 'portable') return ok({ engine: 'portable', fallbackReason: null });
  const openSsl = probe.openSsl();
  if (openSsl === null) return ok({ engine: 'ffi', fallbackReason: null });
  if (wish === 'auto') return ok({ engine: 'portable', fallbackReason: openSsl });
  return err(`WEFT_ENGINE=ffi needs the OpenSSL of the node binary: ${openSsl}; set WEFT_ENGINE=portable or auto`);
}
