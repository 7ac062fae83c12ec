// Node has WebAssembly; its types come with lib "dom", which is not for servers.
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: 'WebAssembly.Module';
  }
  const Module: { exports(module: Module): readonly { readonly name: string; readonly kind: string }[] };
  function compile(bytes: Uint8Array): Promise<Module>;
}
