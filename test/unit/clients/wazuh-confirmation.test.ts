import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { confirmationKeys, confirmationOf } from "../../../src/clients/wazuh-confirmation.ts";
import wazuh from "../../../src/sinks/wazuh.ts";
import wazuhApi from "../../../src/sinks/wazuh-api.ts";

const keys = z.strictObject(confirmationKeys);

test("a minute and five times by default, and never less than the log's flush", () => {
  assert.deepEqual(keys.parse({}), { confirm_timeout: 60_000, confirm_resends: 5 });
  assert.match(String(keys.safeParse({ confirm_timeout: "1s" }).error), /expected at least 2s/);
});

test("nothing is awaited where findings are not confirmed", () => {
  const settings = { confirm: false, confirm_timeout: 5_000, confirm_resends: 2 };
  assert.deepEqual(confirmationOf(settings), {});
  assert.deepEqual(confirmationOf({ ...settings, confirm: true }), { confirmation: { timeoutMs: 5_000, resends: 2 } });
});

test("both ways into Wazuh take the same keys", () => {
  const given = { confirm: true, confirm_timeout: "10s", confirm_resends: 3 };
  const queue = wazuh.config.parse(given);
  const api = wazuhApi.config.parse({ ...given, url: "https://manager:55000", user: "u", password: "p" });
  assert.deepEqual(confirmationOf(queue), confirmationOf(api));
  assert.deepEqual(confirmationOf(queue), { confirmation: { timeoutMs: 10_000, resends: 3 } });
});
