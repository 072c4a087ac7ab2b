import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { findInstallation } from "../../../../src/setup/wazuh/installation.ts";
import { asNobody } from "../../../support/nobody.ts";
import { tempDir } from "../../../support/temp.ts";

/** A host with folders of units, none of which has the manager's yet, and a usual place where no manager is. */
function host(t: TestContext) {
  const root = tempDir(t);
  const unitFolders = ["etc", "usr", "lib"].map((name) => join(root, name));
  for (const folder of unitFolders) mkdirSync(folder);
  const manager = (name: string) => {
    const prefix = join(root, name);
    mkdirSync(join(prefix, "etc"), { recursive: true });
    writeFileSync(join(prefix, "etc/ossec.conf"), "<ossec_config></ossec_config>\n");
    return prefix;
  };
  const unit = (folder: number, start: string) =>
    writeFileSync(
      join(unitFolders[folder] ?? "", "wazuh-manager.service"),
      `[Unit]\nDescription=Wazuh manager\n\n[Service]\nType=forking\nExecStart=${start}\nExecStop=/x/bin/wazuh-control stop\n`,
    );
  const usual = join(root, "usual");
  return { root, usual, manager, unit, find: (prefix?: string) => findInstallation({ prefix, usual, unitFolders }) };
}

test("a manager that is not in the usual place is where its unit starts it", (t) => {
  const { manager, unit, find } = host(t);
  const prefix = manager("opt/x");
  unit(2, `/usr/bin/env ${prefix}/bin/wazuh-control start`);
  assert.equal(find().prefix, prefix);
  const own = manager("opt/own");
  unit(0, `-${own}/bin/wazuh-control  start --quiet`);
  assert.equal(find().prefix, own, "the administrator's unit goes before the package's");
});

test("the usual place and what was given go before the unit", (t) => {
  const { manager, unit, find } = host(t);
  unit(0, `/usr/bin/env ${manager("opt/x")}/bin/wazuh-control start`);
  const given = manager("given");
  assert.equal(find(given).prefix, given);
  const usual = manager("usual");
  assert.equal(find().prefix, usual);
});

test("a unit of another program, or of a manager that is gone, helps nobody", (t) => {
  const { root, usual, unit, find } = host(t);
  const expected = new RegExp(`expected a Wazuh manager in ${usual}`);
  assert.throws(() => find(), expected);
  unit(0, `${root}/gone/bin/wazuh-control start`);
  unit(1, "/usr/bin/env /usr/bin/wazuh start");
  assert.throws(() => find(), expected);
});

test("a manager whose folder this user may not look into is not called missing", (t) => {
  const { manager, usual, find } = host(t);
  const prefix = manager("usual");
  asNobody(prefix, () => {
    assert.throws(() => find(), /expected a Wazuh manager in \S+usual, but this user may not look into it: .*sudo/);
    assert.throws(() => find(usual), /may not look into it/);
  });
  assert.equal(find().prefix, prefix);
});
