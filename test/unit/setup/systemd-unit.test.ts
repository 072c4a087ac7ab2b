import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { packageRoot } from "../../../src/lib/package-root.ts";
import { unitNeeds } from "../../../src/setup/systemd-config.ts";
import { renderUnit, type UnitValues } from "../../../src/setup/systemd-unit.ts";
import { tempDir } from "../../support/temp.ts";

const template = readFileSync(join(packageRoot(), "setup/systemd/tipline.service"), "utf8");
const values: UnitValues = {
  node: process.execPath,
  cli: "/opt/tipline/dist/cli/main.js",
  config: "/etc/tipline/tipline.yaml",
  package: "/opt/tipline",
  prefix: "/var/ossec",
  user: "tipline",
  wazuhGroup: "wazuh",
  credentialsDir: "/etc/tipline/credentials",
  credentials: [],
  writable: [],
};

/** Every value of a directive, in order, by section. */
function directives(unit: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let section = "";
  for (const line of unit.split("\n")) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name] = /^\[([A-Z][a-z]+)\]$/.exec(line) ?? [];
    if (name !== undefined) section = name;
    else {
      const [, key = "", value = ""] = /^([A-Z][A-Za-z]+)=(.*)$/.exec(line) ?? [];
      assert.notEqual(key, "", `a directive, a section or a comment: ${line}`);
      found.set(`${section}.${key}`, [...(found.get(`${section}.${key}`) ?? []), value]);
    }
  }
  return found;
}

test("the unit has the least rights that the line can live with", () => {
  const unit = directives(template);
  const is = (key: string, value: string) => assert.deepEqual(unit.get(`Service.${key}`), [value], key);
  is("User", "tipline");
  is("Group", "tipline");
  is("SupplementaryGroups", "wazuh");
  is("ProtectSystem", "strict");
  is("CapabilityBoundingSet", "");
  is("AmbientCapabilities", "");
  is("StateDirectory", "tipline");
  is("StateDirectoryMode", "0700");
  is("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6");
  is("SystemCallArchitectures", "native");
  is("LimitCORE", "0");
  for (const key of "NoNewPrivileges ProtectHome PrivateTmp PrivateDevices ProtectClock ProtectControlGroups ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables LockPersonality RestrictNamespaces RestrictRealtime RestrictSUIDSGID RemoveIPC".split(
    " ",
  ))
    is(key, "yes");
  // It would stop the JavaScript engine's compiler.
  assert.equal(unit.get("Service.MemoryDenyWriteExecute"), undefined);
});

test("it comes back whatever happens, but not with a wrong configuration", () => {
  const unit = directives(template);
  assert.deepEqual(unit.get("Service.Restart"), ["always"]);
  assert.deepEqual(unit.get("Service.RestartPreventExitStatus"), ["2"]);
  assert.deepEqual(unit.get("Unit.StartLimitIntervalSec"), ["0"]);
  assert.deepEqual(unit.get("Service.Type"), ["notify"]);
  assert.deepEqual(unit.get("Service.WatchdogSec"), ["3min"]);
  assert.equal(unit.get("Unit.Requires"), undefined, "a restart of the manager must not stop it");
});

test("keys and what need not be read are hidden by folder, what must be read is not", () => {
  const unit = directives(template);
  const hidden = (unit.get("Service.InaccessiblePaths") ?? []).flatMap((line) => line.split(" "));
  const covers = (path: string) =>
    hidden.some((entry) => path === entry.slice(1) || path.startsWith(`${entry.slice(1)}/`));
  assert.ok(
    hidden.every((entry) => entry.startsWith("-/")),
    "what a host does not have is passed over",
  );
  for (const path of [
    "/var/ossec/etc/client.keys",
    "/var/ossec/etc/authd.pass",
    "/var/ossec/etc/sslmanager.key",
    "/var/ossec/api/configuration/security/users.db",
    "/var/ossec/queue/db/global.db",
    "/var/ossec/queue/keystore/x",
    "/etc/shadow",
    "/etc/filebeat/certs/filebeat-key.pem",
    "/etc/tipline/credentials/misp.key",
  ])
    assert.ok(covers(path), path);
  // A mount over client.keys itself goes when authd puts a new file in its place.
  assert.ok(!hidden.includes("-/var/ossec/etc/client.keys"));
  for (const path of [
    "/var/ossec/logs/alerts/alerts.json",
    "/var/ossec/logs/archives/archives.json",
    "/var/ossec/queue/sockets/queue",
    "/var/ossec/queue/tipline",
    "/var/ossec/var/run/wazuh-analysisd.state",
    "/etc/tipline/tipline.yaml",
    "/etc/resolv.conf",
    "/etc/ssl/certs",
  ])
    assert.ok(!covers(path), path);
});

test("rendering changes what depends on the host, and nothing else", () => {
  assert.equal(
    renderUnit(template, {
      ...values,
      node: "/usr/bin/node",
      cli: "/usr/lib/node_modules/tipline/dist/cli/main.js",
      package: "/usr/lib/node_modules/tipline",
    }),
    template,
  );
  const unit = directives(
    renderUnit(template, {
      ...values,
      node: "/opt/node 20/bin/node",
      config: "/etc/tip$line/50%.yaml",
      prefix: "/data/ossec",
      user: "tip",
      wazuhGroup: "ossec",
      credentialsDir: "/etc/keys",
      credentials: ["misp.key", "ca"],
      writable: ["/srv/tip", "/srv/my out"],
    }),
  );
  assert.deepEqual(unit.get("Service.ExecStart"), [
    '"/opt/node 20/bin/node" /opt/tipline/dist/cli/main.js run --config /etc/tip$$line/50%%.yaml',
  ]);
  assert.deepEqual(unit.get("Service.User"), ["tip"]);
  assert.deepEqual(unit.get("Service.SupplementaryGroups"), ["ossec"]);
  assert.deepEqual(unit.get("Service.LoadCredential"), ["misp.key:/etc/keys/misp.key", "ca:/etc/keys/ca"]);
  assert.deepEqual(unit.get("Service.ReadWritePaths"), ["-/data/ossec/queue/tipline", "/srv/tip", '"/srv/my out"']);
  const hidden = (unit.get("Service.InaccessiblePaths") ?? []).join(" ");
  assert.match(hidden, /-\/data\/ossec\/etc /);
  assert.match(hidden, /-\/etc\/keys/);
  assert.doesNotMatch(hidden, /\/var\/ossec/);
});

test("a value that could write another directive is refused", () => {
  const bad: Partial<UnitValues>[] = [
    { config: "/etc/x\nUser=root" },
    { config: "relative.yaml" },
    { prefix: "/var/ossec\r" },
    { prefix: "/var/../etc" },
    { user: "root\nGroup=root" },
    { user: "-x" },
    { wazuhGroup: "a b" },
    { credentials: ["a:b"] },
    { credentials: ["../x"], credentialsDir: "/etc/k" },
    { credentials: ["k"], credentialsDir: "/etc/my keys" },
    { writable: ["/a\u0000b"] },
  ];
  for (const change of bad)
    assert.throws(
      () => renderUnit(template, { ...values, ...change }),
      { code: "TIP_INPUT_INVALID" },
      JSON.stringify(change),
    );
});

test("whatever the paths are, the unit keeps its directives and their number", () => {
  const path = fc.string({ unit: "binary", maxLength: 30 }).map((text) => `/${text}`);
  const wanted = [...directives(template).keys()];
  fc.assert(
    fc.property(path, path, path, (node, config, prefix) => {
      let unit: string;
      try {
        unit = renderUnit(template, { ...values, node, config, prefix });
      } catch {
        return;
      }
      assert.deepEqual([...directives(unit).keys()], wanted);
      assert.equal(directives(unit).get("Service.User")?.length, 1);
    }),
    { numRuns: 200 },
  );
});

test("systemd accepts it and finds little exposed", (t) => {
  const dir = tempDir(t);
  const file = join(dir, "tipline.service");
  writeFileSync(join(dir, "main.js"), "");
  writeFileSync(
    file,
    renderUnit(template, { ...values, cli: join(dir, "main.js"), credentials: ["k"], writable: ["/srv/my out"] }),
  );
  const run = (...args: string[]) => spawnSync("systemd-analyze", args, { encoding: "utf8" });
  const version = /^systemd (\d+)/.exec(run("--version").stdout ?? "")?.[1];
  // Without systemd-analyze the directives were checked above, one by one; there is nothing more to ask.
  if (version === undefined || Number(version) < 250) return;
  const verified = run("verify", "--man=no", file);
  assert.deepEqual([verified.status, verified.stderr], [0, ""]);
  // In tenths: 20 is an exposure of 2.0 of 10.
  const judged = run("security", "--offline=yes", "--threshold=20", file);
  assert.equal(judged.status, 0, judged.stdout);
});

test("a configuration says what its unit needs", () => {
  const needs = unitNeeds(
    `state_dir: /data/tipline
feeds:
  a: { type: misp-server, key_file: "\${CREDENTIALS_DIRECTORY}/misp.key", ca_file: "\${CREDENTIALS_DIRECTORY}/ca.pem" }
  b: { type: misp-server, key: "\${MISP_KEY}", cert_key_file: "\${CREDENTIALS_DIRECTORY}/misp.key" }
  c: { type: list-file, path: /x, key_file: /etc/tipline/c.key }
sources:
  stock: { type: wazuh-hook, path: /data/ossec/queue/tipline }
  hook: { type: wazuh-hook, path: /srv/spool }
  files: { type: file, path: /var/log/x.json }
sinks:
  wazuh: { type: wazuh }
  one: { type: ndjson, path: /var/log/tipline/findings.ndjson }
  two: { type: ndjson, path: /srv/out/findings.ndjson }
  three: { type: ndjson, path: out.ndjson }
  four: { type: ndjson, path: "-" }
`,
    "tipline.yaml",
  );
  assert.deepEqual(needs, {
    credentials: ["ca.pem", "misp.key"],
    writable: ["/data/tipline", "/srv/out", "/srv/spool"],
    files: ["/etc/tipline/c.key"],
    relative: ["."],
  });
  assert.deepEqual(unitNeeds("", "x"), { credentials: [], writable: [], files: [], relative: [] });
  assert.deepEqual(unitNeeds("- a\n- b", "x"), { credentials: [], writable: [], files: [], relative: [] });
  assert.throws(() => unitNeeds("a: [", "tipline.yaml"), { code: "TIP_CONFIG_INVALID" });
});
