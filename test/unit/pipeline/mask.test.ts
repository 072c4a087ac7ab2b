import assert from "node:assert/strict";
import { test } from "node:test";
import { maskSecrets } from "../../../src/pipeline/mask.ts";

test("secrets in command lines", () => {
  const table: ReadonlyArray<readonly [string, string]> = [
    ["curl https://bob:hunter2@evil.com/x", "curl https://***@evil.com/x"],
    ["curl -u bob:hunter2 http://x", "curl -u bob:*** http://x"],
    ["curl -H 'Authorization: Bearer abcdef123456'", "curl -H 'Authorization: Bearer ***'"],
    ["mysql -uroot -phunter2 db", "mysql -uroot -p*** db"],
    ["tool -p hunter2 --x", "tool -p *** --x"],
    ["ssh -p 2222 host", "ssh -p 2222 host"],
    ["tool --password hunter2", "tool --password ***"],
    ["tool --password=hunter2 -v", "tool --password=*** -v"],
    ["tool /password:hunter2", "tool /password:***"],
    ["DB_PASSWORD='a b c' run", "DB_PASSWORD=*** run"],
    ['cmd api_key="k 1" next', "cmd api_key=*** next"],
    ["net user bob Passw0rd! /add", "net user bob *** /add"],
    ["net use x: \\\\srv\\share /user:bob", "net use x: \\\\srv\\share /user:bob"],
    ["ConvertTo-SecureString 'hunter2' -AsPlainText", "ConvertTo-SecureString *** -AsPlainText"],
    ["export AWS=AKIAIOSFODNN7EXAMPLE", "export AWS=***"],
    ["cmd.exe /c whoami", "cmd.exe /c whoami"],
  ];
  for (const [command, wanted] of table) assert.equal(maskSecrets(command, 1_000), wanted);
});

test("length is bounded, after masking", () => {
  assert.equal(maskSecrets("x".repeat(5_000), 100).length, 100);
  for (const unit of ["-p ", "password=", "://a:", "net user ", "mysql -", '"'])
    maskSecrets(unit.repeat(20_000), 1_000);
});
