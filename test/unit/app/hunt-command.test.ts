import assert from "node:assert/strict";
import { test } from "node:test";
import { logsOf } from "../../../src/app/hunt-command.ts";
import { parseConfig } from "../../../src/config/load.ts";

const config = (sources: string) =>
  parseConfig(`state_dir: s\nfeeds: { f: { type: misp-feed, path: . } }\nsources: { ${sources} }\n`, "c");
const ALERTS = "a: { type: wazuh-alerts, path: /srv/wazuh/logs/alerts/alerts.json }";

test("archives are looked for beside the alerts that the configuration follows, and the other way round", async () => {
  const paths = async (sources: string, logs?: string) =>
    logsOf({ archives: true, ...(logs === undefined ? {} : { logs }) }, await config(sources)).map(({ path }) => path);
  const both = ["/srv/wazuh/logs/alerts/alerts.json", "/srv/wazuh/logs/archives/archives.json"];
  assert.deepEqual(await paths(ALERTS), both);
  assert.deepEqual(await paths("e: { type: wazuh-archives, path: /srv/wazuh/logs/archives/archives.json }"), both);
  assert.deepEqual(await paths(`${ALERTS}, e: { type: wazuh-archives, path: /mnt/archives.json }`), [
    "/srv/wazuh/logs/alerts/alerts.json",
    "/mnt/archives.json",
  ]);
  assert.deepEqual(await paths("a: { type: wazuh-alerts, path: /mnt/copy.json }"), [
    "/mnt/copy.json",
    "/var/ossec/logs/archives/archives.json",
  ]);
  assert.deepEqual(await paths(ALERTS, "/mnt/old"), ["/mnt/old/alerts/alerts.json", "/mnt/old/archives/archives.json"]);
  assert.deepEqual(
    logsOf({ archives: false }).map(({ path }) => path),
    ["/var/ossec/logs/alerts/alerts.json"],
  );
});
