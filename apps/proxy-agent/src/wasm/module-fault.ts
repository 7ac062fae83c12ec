const ABI = /^proxy_abi_version_0_\d+_\d+$/;

/**
 * Why Envoy would not load a module; null: it will. Asked of the same engine (V8) before Envoy gets the module, because Envoy
 * refuses one that is broken whatever `failStrategy` says.
 */
export async function moduleFault(bytes: Buffer): Promise<string | null> {
  try {
    const compiled = await WebAssembly.compile(new Uint8Array(bytes));
    const names = WebAssembly.Module.exports(compiled).map(({ name }) => name);
    if (!names.some((name) => ABI.test(name))) return 'is no module for proxies: it exports no proxy_abi_version';
    if (!names.includes('memory')) return 'is no module for proxies: it exports no memory';
    return null;
  } catch (failure) {
    return `cannot be compiled: ${(failure as Error).message}`;
  }
}
