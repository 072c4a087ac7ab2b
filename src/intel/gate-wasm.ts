/**
 * The part of the WebAssembly interface that the gate uses: Node has it, but the types that this project compiles with (no DOM)
 * do not name it.
 */

/** A shared memory; posted to another thread it stays the same memory. */
export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}

/** Compiled code; opaque. */
export interface WasmModule {
  readonly [Symbol.toStringTag]: "WebAssembly.Module";
}

export interface WasmApi {
  readonly Memory: new (shape: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Module: {
    new (bytes: Uint8Array): WasmModule;
    imports(module: WasmModule): readonly { readonly module: string; readonly name: string; readonly kind: string }[];
    exports(module: WasmModule): readonly { readonly name: string; readonly kind: string }[];
  };
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: object };
  validate(bytes: Uint8Array): boolean;
}

/** Undefined where Node was started without it (`--jitless`). */
export const wasm: WasmApi | undefined = (globalThis as { readonly WebAssembly?: WasmApi }).WebAssembly;
