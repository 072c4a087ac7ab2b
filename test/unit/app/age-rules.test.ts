import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ageRules } from "../../../src/app/age-rules.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { DEFAULT_EXPIRY, NEVER_EXPIRES } from "../../../src/model/expiry.ts";

const DAY = 86_400_000;

describe("ageRules", () => {
  it("gives MISP servers and feeds their limits, and lists none, unless the configuration says otherwise", async () => {
    const config = await parseConfig(
      `feeds:
  server: { type: misp-server, url: "https://misp.example.org", key: x }
  feed: { type: misp-feed, path: /x, filters: { max_age: 30d } }
  silent: { type: misp-feed, path: /x, expiry: never }
  list: { type: list-file, path: /x }
  dated: { type: list-file, path: /x, expiry: { ip: 7d } }
`,
      "tipline.yaml",
    );
    const rules = ageRules(config);
    assert.deepEqual(rules.get("server"), { expiry: DEFAULT_EXPIRY });
    assert.deepEqual(rules.get("feed"), { expiry: DEFAULT_EXPIRY, maxAge: 30 * DAY });
    assert.deepEqual(rules.get("silent"), { expiry: NEVER_EXPIRES });
    assert.deepEqual(rules.get("list"), { expiry: NEVER_EXPIRES });
    assert.deepEqual(rules.get("dated"), { expiry: { ...DEFAULT_EXPIRY, ip: 7 * DAY } });
    assert.equal(ageRules(undefined).size, 0);
    assert.deepEqual(DEFAULT_EXPIRY, {
      ip: 90 * DAY,
      domain: 365 * DAY,
      url: 365 * DAY,
      hash: Number.POSITIVE_INFINITY,
      other: Number.POSITIVE_INFINITY,
      decay: false,
    });
  });
});
