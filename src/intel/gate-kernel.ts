import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TiplineError } from "../lib/errors.ts";
import { packageRoot } from "../lib/package-root.ts";
import { LAYOUT_VERSION } from "./gate-layout.ts";
import { type WasmApi, type WasmMemory, type WasmModule, wasm } from "./gate-wasm.ts";

/** What the kernel (kernel/assembly/gate.ts) exports; all numbers are addresses. */
export interface Kernel {
  version(): number;
  scan(slot: number, area: number, from: number, to: number): number;
}

/** Where `npm run build` puts the kernel, below the package's root. */
export const KERNEL_PATH = "dist/kernel/gate.wasm";

/** The kernel's code, and what runs it. */
export interface CompiledKernel {
  readonly api: WasmApi;
  readonly module: WasmModule;
}

/** The compiled kernel, or why there is none on this machine. */
export type LoadedKernel = CompiledKernel | { readonly absent: string };

let loaded: LoadedKernel | undefined;

/** Compiles the kernel, once a thread. */
export function loadKernel(): LoadedKernel {
  loaded ??= compileKernel(join(packageRoot(), KERNEL_PATH));
  return loaded;
}

/** Compiles the kernel from a file; a machine that cannot run it is an answer, not an error. */
export function compileKernel(path: string): LoadedKernel {
  if (wasm === undefined) return { absent: "this Node runs without WebAssembly" };
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    return { absent: `the kernel cannot be read: ${(error as Error).message}` };
  }
  if (!wasm.validate(bytes)) return { absent: "this processor or Node lacks WebAssembly SIMD or shared memory" };
  return { api: wasm, module: new wasm.Module(bytes) };
}

/** The kernel over a memory. Throws when it is of another layout than this code. */
export function instantiateKernel({ api, module }: CompiledKernel, memory: WasmMemory): Kernel {
  const kernel = new api.Instance(module, { env: { memory } }).exports as Kernel;
  if (kernel.version() !== LAYOUT_VERSION) {
    throw new TiplineError(
      "TIP_INTERNAL",
      `${KERNEL_PATH}: expected layout ${LAYOUT_VERSION}, found ${kernel.version()}: run npm run build`,
    );
  }
  return kernel;
}
