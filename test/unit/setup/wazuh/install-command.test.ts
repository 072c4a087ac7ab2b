import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runCommand, splitCommand } from "../../../../src/setup/wazuh/install-command.ts";

describe("splitCommand", () => {
  for (const [text, words] of [
    ["docker exec wazuh.manager", ["docker", "exec", "wazuh.manager"]],
    ["  docker  exec\t-i 'my manager' ", ["docker", "exec", "-i", "my manager"]],
    ['kubectl exec -n wazuh "wazuh-manager-0" --', ["kubectl", "exec", "-n", "wazuh", "wazuh-manager-0", "--"]],
    ["a\\ b 'c\\d' \"e\\\"f\" ''", ["a b", "c\\d", 'e"f', ""]],
    ["ssh host 'a;b'", ["ssh", "host", "a;b"]],
  ] as const)
    it(text, () => assert.deepEqual(splitCommand(text), words));

  for (const text of [
    "",
    "   ",
    "docker exec x; rm -rf /",
    "a | b",
    "a && b",
    "$(id)",
    "`id`",
    "a > b",
    "'open",
    '"open',
    "''",
    "a\nb",
  ])
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => splitCommand(text), /^TiplineError: --exec: /));
});

describe("runCommand", () => {
  it("gives arguments as they are: no shell sees them", async () => {
    const { code, output } = await runCommand(["printf", "%s|", "$(id)", "a b", ";", "*"]);
    assert.deepEqual([code, output], [0, "$(id)|a b|;|*|"]);
  });

  it("gives exit code and both streams", async () => {
    const { code, output } = await runCommand(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert.equal(code, 3);
    assert.deepEqual(output.split("\n").sort(), ["", "err", "out"]);
  });

  it("says why it did not run, or not to its end", async () => {
    assert.match((await runCommand(["/nowhere/program"])).error ?? "", /ENOENT/);
    assert.match((await runCommand(["sleep", "60"], { timeoutMs: 50 })).error ?? "", /no end within 0.05 s/);
    assert.equal((await runCommand(["sleep", "60"], { signal: AbortSignal.abort() })).error, "interrupted");
    const abort = new AbortController();
    const running = runCommand(["sleep", "60"], { signal: abort.signal });
    abort.abort();
    assert.deepEqual([(await running).code, (await running).error], [undefined, "interrupted"]);
  });

  it("does not wait for what a program leaves running with its output", async () => {
    const { code, output } = await runCommand(["sh", "-c", "echo started; sleep 30 & exit 0"]);
    assert.deepEqual([code, output], [0, "started\n"]);
  });
});
