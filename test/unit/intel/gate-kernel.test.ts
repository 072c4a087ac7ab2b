import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compileKernel, instantiateKernel, KERNEL_PATH, loadKernel } from "../../../src/intel/gate-kernel.ts";
import * as layout from "../../../src/intel/gate-layout.ts";
import { wasm } from "../../../src/intel/gate-wasm.ts";
import { packageRoot } from "../../../src/lib/package-root.ts";
import { tempDir } from "../../support/temp.ts";

/** Reads an unsigned LEB128 number; gives it and where the next byte is. */
function leb(bytes: Uint8Array, at: number): readonly [number, number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

/** Bodies of the sections of a module by their number. */
function sections(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at] as number;
    const [size, from] = leb(bytes, at + 1);
    found.set(id, bytes.subarray(from, from + size));
    at = from + size;
  }
  return found;
}

test("the kernel in dist is what its source builds", async () => {
  const { default: asc } = (await import("assemblyscript/asc")) as unknown as {
    readonly default: {
      main(
        argv: readonly string[],
        options: { readonly writeFile: (name: string, contents: Uint8Array | string) => void },
      ): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>;
    };
  };
  const root = packageRoot();
  const written = new Map<string, Uint8Array | string>();
  const { error, stderr } = await asc.main(["--config", join(root, "kernel/asconfig.json")], {
    writeFile: (name, contents) => void written.set(name.replaceAll("\\", "/"), contents),
  });
  assert.equal(error, null, stderr.toString());
  const built = [...written].find(([name]) => name.endsWith("gate.wasm"))?.[1];
  assert.ok(built instanceof Uint8Array, `written: ${[...written.keys()].join()}`);
  const kept = readFileSync(join(root, KERNEL_PATH));
  assert.ok(Buffer.compare(kept, built) === 0, "dist/kernel/gate.wasm differs from its source: run npm run build");
});

test("the kernel has no heap, no data and no mutable global, and imports nothing but the memory", () => {
  const bytes = readFileSync(join(packageRoot(), KERNEL_PATH));
  assert.ok(wasm !== undefined);
  const module = new wasm.Module(bytes);
  assert.deepEqual(wasm.Module.imports(module), [{ module: "env", name: "memory", kind: "memory" }]);
  assert.deepEqual(
    wasm.Module.exports(module).map(({ name, kind }) => `${kind} ${name}`),
    ["function version", "function scan"],
  );
  const found = sections(bytes);
  const data = 11;
  const globals = 6;
  assert.equal(found.has(data), false, "no data section");
  const body = found.get(globals);
  for (let at = 1, left = body?.[0] ?? 0; body !== undefined && left > 0; left--) {
    assert.equal(body[at + 1], 0, "every global is constant");
    while (body[at] !== 0x0b) at++;
    at++;
  }
});

test("parts of the memory do not overlap and are aligned", () => {
  assert.ok(layout.AREA_SCRATCH + 128 <= layout.AREA_RESULTS);
  assert.ok(layout.AREA_RESULTS + layout.MAX_FOUND * 8 + 64 <= layout.AREA_TEXT);
  assert.ok(layout.AREA_TEXT + layout.MAX_TEXT + layout.TEXT_SLACK <= layout.AREA_BYTES);
  assert.ok(layout.CONTROL_AREAS + layout.MAX_AREAS * 4 <= layout.CONTROL_BYTES);
  assert.ok(2 * layout.CONTROL_SLOT_BYTES <= layout.CONTROL_AREAS);
  assert.ok(layout.SLOT_LENGTHS + 32 <= layout.SLOT_PREFIX4_LIST);
  assert.ok(layout.SLOT_PREFIX4_LIST + 33 <= layout.SLOT_PREFIX6_LIST);
  assert.ok(layout.SLOT_PREFIX6_LIST + 129 <= layout.SLOT_LAYER_LIST);
  assert.ok(layout.SLOT_LAYER_LIST + layout.MAX_LAYERS * 16 <= layout.SLOT_ENDS);
  for (const place of [
    layout.AREA_BYTES,
    layout.AREA_TEXT,
    layout.AREA_RESULTS,
    layout.SLOT_TABLES,
    layout.SLOT_ENDS,
  ]) {
    assert.equal(place % 64, 0);
  }
});

test("what cannot run is an answer: no file, no kernel, another layout", (t) => {
  const dir = tempDir(t);
  const absent = compileKernel(join(dir, "none.wasm"));
  assert.ok("absent" in absent && /cannot be read/.test(absent.absent));
  const loaded = loadKernel();
  assert.ok("module" in loaded);
  const memory = new loaded.api.Memory({ initial: 1, maximum: 1, shared: true });
  assert.equal(instantiateKernel(loaded, memory).version(), layout.LAYOUT_VERSION);
  writeFileSync(join(dir, "text.wasm"), "no code");
  const text = compileKernel(join(dir, "text.wasm"));
  assert.ok("absent" in text && /lacks/.test(text.absent));
  class Other {
    readonly exports = { version: () => layout.LAYOUT_VERSION + 1 };
  }
  assert.throws(
    () => instantiateKernel({ api: { ...loaded.api, Instance: Other }, module: loaded.module }, memory),
    /expected layout \d+, found \d+/,
  );
});
