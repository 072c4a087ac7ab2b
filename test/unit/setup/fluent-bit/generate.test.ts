import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { packageRoot } from "../../../../src/lib/package-root.ts";
import { hasVariable, withToken } from "../../../../src/setup/fluent-bit/environment-file.ts";
import { type FluentBitOptions, generate } from "../../../../src/setup/fluent-bit/generate.ts";
import { versionNotes, versionOf } from "../../../../src/setup/fluent-bit/program.ts";
import { render } from "../../../../src/setup/fluent-bit/render.ts";
import { renderUnit } from "../../../../src/setup/fluent-bit/unit.ts";
import { BOTH, examinedText } from "../../../support/fluent-bit-config.ts";
import { tempDir } from "../../../support/temp.ts";

const VARIANTS = {
  tipline: { ...BOTH, graylog: undefined },
  graylog: { ...BOTH, tipline: undefined },
  both: BOTH,
} satisfies Record<string, FluentBitOptions>;

for (const [route, options] of Object.entries(VARIANTS))
  for (const [format, extension] of [
    ["classic", "conf"],
    ["yaml", "yaml"],
  ] as const)
    test(`setup/fluent-bit/${route}.${extension} is what is written, and has no fault`, (t) => {
      const golden = readFileSync(join(packageRoot(), `setup/fluent-bit/${route}.${extension}`), "utf8");
      assert.equal(golden, render(generate(options), format));
      assert.deepEqual(examinedText(tempDir(t), golden, format), []);
    });

test("on loopback without TLS and token, with client certificates, without counters: no fault either", (t) => {
  const tipline = { host: "127.0.0.1", port: 9628, uri: "/v1/alerts", tokenEnv: undefined, tls: undefined };
  const tls = { caFile: "/a/ca.pem", certFile: "/a/c.pem", keyFile: "/a/k.pem" };
  for (const options of [
    { ...BOTH, tipline, graylog: undefined, monitorPort: undefined },
    { ...BOTH, tipline: { ...tipline, host: "t.example.org", tokenEnv: "T", tls } },
  ])
    for (const format of ["classic", "yaml"] as const)
      assert.deepEqual(examinedText(tempDir(t), render(generate(options), format), format), []);
});

test("to Graylog in clear there is one warning, which names it", (t) => {
  const options = { ...BOTH, tipline: undefined, graylog: { host: "graylog.example.org", port: 5555, tls: undefined } };
  const found = examinedText(tempDir(t), render(generate(options), "classic"));
  assert.deepEqual(
    found.map(({ id, status }) => `${status} ${id}`),
    ["warn tls-off"],
  );
});

describe("what has no place in such a file is refused", () => {
  const { tipline } = BOTH;
  assert.ok(tipline);
  const wrong: Readonly<Record<string, FluentBitOptions>> = {
    "a token in clear": { ...BOTH, tipline: { ...tipline, tls: undefined } },
    "a newline in a path": { ...BOTH, alerts: "/var/a\n[OUTPUT]" },
    "a comment in a path": { ...BOTH, stateDir: "/var/a #b" },
    "a variable in a path": { ...BOTH, alerts: `/var/\${HOME}/x.json` },
    "a way up": { ...BOTH, stateDir: "/var/lib/../../etc" },
    "a host with a newline": { ...BOTH, tipline: { ...tipline, host: "a\nTLS Off" } },
    "a variable that is none": { ...BOTH, tipline: { ...tipline, tokenEnv: "A}${B" } },
    "a port": { ...BOTH, tipline: { ...tipline, port: 70_000 } },
    "a size": { ...BOTH, limit: "1G\n    Name x" },
    "half a certificate": { ...BOTH, tipline: { ...tipline, tls: { caFile: "/a", certFile: "/b" } } },
    "no receiver": { ...BOTH, tipline: undefined, graylog: undefined },
  };
  for (const [what, options] of Object.entries(wrong))
    test(what, () => assert.throws(() => generate(options), { code: "TIP_USAGE_INVALID" }));
});

test("the token goes into the EnvironmentFile, other lines stay, and nothing of a bad one is shown", () => {
  assert.equal(
    withToken("A=1\nTIPLINE_TOKEN=old\nB=2\n", "TIPLINE_TOKEN", "newtoken1"),
    "A=1\nTIPLINE_TOKEN=newtoken1\nB=2\n",
  );
  assert.equal(withToken("", "T", "newtoken1"), "T=newtoken1\n");
  for (const bad of ['with "quotes"', "two\nlines123", "short", "späcial-token"])
    assert.throws(
      () => withToken("", "T", bad),
      (error: Error) => !error.message.includes(bad),
    );
  assert.ok(hasVariable("T=x\n", "T") && !hasVariable("T=\nTT=x\n", "T"));
});

test("versions: what is known of each", () => {
  assert.deepEqual(versionOf("Fluent Bit v4.2.8\nGit commit: x\n"), { major: 4, minor: 2, text: "4.2.8" });
  assert.equal(versionOf("nonsense"), undefined);
  const notes = (text: string, format: "classic" | "yaml" = "classic") =>
    versionNotes({ path: "/f", version: versionOf(`Fluent Bit v${text}`) }, format).join(" ");
  for (const text of ["3.2.10", "4.2.8", "5.1.1"]) assert.equal(notes(text), "");
  assert.match(notes("2.1.0", "yaml"), /older than 3\.2.*--format classic/);
  assert.match(notes("6.0.0"), /newer than 5\.1/);
  assert.match(versionNotes(undefined, "classic").join(), /not installed here/);
});

test("the unit holds the machine's paths and nothing else changes", () => {
  const values = {
    program: "/usr/bin/fluent-bit",
    config: "/etc/fluent-bit/tipline.yaml",
    environmentFile: "/etc/fluent-bit/tipline.env",
    needsEnvironment: true,
    group: "ossec",
    stateDir: "/var/lib/elsewhere",
  };
  const unit = renderUnit(values);
  for (const line of [
    "ExecStart=/usr/bin/fluent-bit -c /etc/fluent-bit/tipline.yaml",
    "EnvironmentFile=/etc/fluent-bit/tipline.env",
    "SupplementaryGroups=ossec",
    "StateDirectory=elsewhere",
    "DynamicUser=yes",
  ])
    assert.ok(unit.split("\n").includes(line), line);
  for (const bad of [
    { program: "/a b" },
    { config: "/a\nExecStart=/bin/sh" },
    { group: "a b" },
    { stateDir: "/srv/x" },
  ])
    assert.throws(() => renderUnit({ ...values, ...bad }), { code: "TIP_USAGE_INVALID" });
});
