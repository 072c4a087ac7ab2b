import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { type Asking, confirm, expectTerminal } from "../../../src/cli/confirm.ts";

function terminal(): { readonly asking: Asking; readonly input: PassThrough; readonly asked: () => string } {
  const [input, output] = [new PassThrough(), new PassThrough()];
  return {
    asking: { input: Object.assign(input, { isTTY: true }), output },
    input,
    asked: () => String(output.read() ?? ""),
  };
}

test("yes is yes, and anything else is no", async () => {
  for (const [said, means] of [
    ["y", true],
    ["Yes ", true],
    ["", false],
    ["yesterday", false],
    ["n", false],
  ] as const) {
    const { asking, input, asked } = terminal();
    const answer = confirm("Go on?", asking);
    assert.equal(asked(), "Go on? [y/N] ");
    input.write(`${said}\n`);
    assert.equal(await answer, means, said);
  }
});

test("the end of input and an interrupt are no", async () => {
  const ended = terminal();
  const answer = confirm("Go on?", ended.asking);
  ended.input.end();
  assert.equal(await answer, false);
  const stop = new AbortController();
  const interrupted = confirm("Go on?", { ...terminal().asking, signal: stop.signal });
  stop.abort();
  assert.equal(await interrupted, false);
  assert.equal(await confirm("Go on?", { ...terminal().asking, signal: AbortSignal.abort() }), false);
});

test("without a terminal it is a usage error that says what to give instead", async () => {
  const input = new PassThrough();
  await assert.rejects(confirm("Go on?", { input }), {
    code: "TIP_USAGE_INVALID",
    message: /expected --yes or --dry-run/,
  });
  assert.throws(() => expectTerminal({ input, instead: "--yes" }), { message: /^expected --yes where/ });
});
