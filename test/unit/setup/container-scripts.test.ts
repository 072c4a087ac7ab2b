import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { packageRoot } from "../../../src/lib/package-root.ts";
import { readCompose } from "../../support/compose.ts";
import { tempDir } from "../../support/temp.ts";

const folder = join(packageRoot(), "setup/container");

function withSecrets(t: TestContext, secrets: Readonly<Record<string, string>>, env: Readonly<Record<string, string>>) {
  const dir = tempDir(t);
  for (const [name, text] of Object.entries(secrets)) writeFileSync(join(dir, name), text);
  const program = ["/bin/sh", "-c", "env; echo arguments:$#:$1", "sh", "a b"];
  return spawnSync("/bin/sh", [join(folder, "with-secrets.sh"), ...program], {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", SECRETS_DIR: dir, ...env },
  });
}

test("secrets come from files into the program's environment, whatever their characters", (t) => {
  const odd = "p'\"$(touch x)`id` {b} \\n*";
  const { status, stdout } = withSecrets(
    t,
    { a: odd, b: "second", trailing: "third\n" },
    { ONE__FROM: "{a}", URL__FROM: "https://user:{b}@host:9200/{trailing}?x={b}", PLAIN: "as it is {b}" },
  );
  assert.equal(status, 0);
  const lines = stdout.split("\n");
  assert.ok(lines.includes(`ONE=${odd}`));
  assert.ok(lines.includes("URL=https://user:second@host:9200/third?x=second"));
  assert.ok(lines.includes("PLAIN=as it is {b}"));
  assert.ok(lines.includes("arguments:1:a b"));
  assert.doesNotMatch(stdout, /__FROM/);
});

test("a secret that is missing, empty or not a plain name stops the start, and is named", (t) => {
  for (const name of ["none", "empty", "../etc/passwd", ".hidden"]) {
    const { status, stdout, stderr } = withSecrets(t, { empty: "" }, { KEY__FROM: `{${name}}` });
    assert.equal(status, 1, name);
    assert.equal(stdout, "");
    assert.match(stderr, /^with-secrets: KEY: /);
  }
});

/** `prepare.sh` in a copy of the folder; `docker` is a stand-in that hashes as the image would. */
function prepare(t: TestContext, hash = "$2y$12$0123456789012345678901uABCDEFGHIJKLMNOPQRSTUVWXYZabcde") {
  const dir = tempDir(t);
  const bin = join(dir, "bin");
  mkdirSync(bin);
  const calls = join(dir, "docker-calls");
  writeFileSync(
    join(bin, "docker"),
    `#!/bin/sh\necho "$@" >>'${calls}'\n[ -n "$PASSWORD" ] || exit 1\necho noise\necho '${hash}'\n`,
  );
  chmodSync(join(bin, "docker"), 0o755);
  const stack = join(dir, "stack");
  cpSync(folder, stack, { recursive: true });
  const run = (env: NodeJS.ProcessEnv = {}) =>
    spawnSync("/bin/sh", [join(stack, "prepare.sh")], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}`, ...env },
    });
  return { stack, calls, run };
}

test("prepare.sh makes every file that compose.yaml mounts, closed to others, and nothing twice", (t) => {
  const { stack, calls, run } = prepare(t);
  const first = run({ PUBLIC_NAMES: "soc.example" });
  assert.equal(first.status, 0, first.stderr);
  for (const [name, { file }] of Object.entries(readCompose().secrets)) {
    const { size, mode } = statSync(join(stack, file));
    assert.equal(mode & 0o777, 0o444, file);
    assert.ok(size > 0 || name === "tipline_misp_key", file);
  }
  for (const dir of ["secrets", "certs", "generated"]) assert.equal(statSync(join(stack, dir)).mode & 0o077, 0, dir);
  const before = contents(stack);
  assert.equal(run().status, 0);
  assert.deepEqual(contents(stack), before);
  // The password is in the environment, not among the arguments that every process may read.
  const secret = readFileSync(join(stack, "secrets/indexer_password"), "utf8");
  assert.ok(secret.length >= 32 && !readFileSync(calls, "utf8").includes(secret));
  assert.match(readFileSync(join(stack, "generated/indexer-users.yml"), "utf8"), /^admin:\n {2}hash: "\$2y\$12\$/m);
  const sha = spawnSync("sha256sum", [join(stack, "secrets/graylog_admin_password")], { encoding: "utf8" }).stdout;
  assert.equal(readFileSync(join(stack, "secrets/graylog_admin_sha256"), "utf8"), sha.split(" ")[0]);
});

test("the certificates are signed by the stack's own authority and name their service", (t) => {
  const { stack, run } = prepare(t);
  assert.equal(run({ PUBLIC_NAMES: "soc.example graylog.example" }).status, 0);
  const read = (name: string) => new X509Certificate(readFileSync(join(stack, "certs", `${name}.pem`)));
  const ca = read("ca");
  assert.ok(ca.ca);
  for (const name of [
    "wazuh.indexer",
    "wazuh.manager",
    "wazuh.dashboard",
    "misp",
    "opensearch",
    "graylog",
    "indexer-admin",
  ]) {
    const certificate = read(name);
    assert.ok(certificate.verify(ca.publicKey) && certificate.checkIssued(ca), name);
    assert.equal(certificate.checkHost(name), name);
    assert.ok(!certificate.ca);
    assert.equal(certificate.subject, `O=Tipline\nCN=${name}`);
  }
  assert.equal(read("graylog").checkHost("graylog.example"), "graylog.example");
  assert.equal(read("opensearch").checkHost("graylog.example"), undefined);
  // The distinguished names that the indexers' configuration trusts.
  const dn = /plugins\.security\.authcz\.admin_dn: \["CN=indexer-admin,O=Tipline"\]/;
  assert.match(readFileSync(join(stack, "config/indexer.yml"), "utf8"), dn);
});

test("a hash that cannot be made leaves no half-written file behind", (t) => {
  const { stack, run } = prepare(t, "no hash");
  assert.notEqual(run().status, 0);
  assert.deepEqual(
    readdirSync(join(stack, "generated")).filter((name) => !name.endsWith(".new")),
    [],
  );
});

function contents(stack: string): Record<string, string> {
  return Object.fromEntries(
    ["secrets", "certs", "generated"].flatMap((dir) =>
      readdirSync(join(stack, dir)).map((name) => [`${dir}/${name}`, readFileSync(join(stack, dir, name), "utf8")]),
    ),
  );
}
