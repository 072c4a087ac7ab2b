import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseConfig } from "../../../../src/config/load.ts";
import { install, uninstall } from "../../../../src/setup/wazuh/install.ts";
import { pathsOf } from "../../../../src/setup/wazuh/installation.ts";
import { startingConfig } from "../../../../src/setup/wazuh/plan-host.ts";
import { installRig, layPrefix, snapshot } from "../../../support/install-rig.ts";
import { SHAPES } from "../../../support/ossec-shapes.ts";
import { tempDir } from "../../../support/temp.ts";

const at = (prefix: string) => ({ prefix, version: undefined, user: undefined, paths: pathsOf(prefix) });

describe("the configuration to start from", () => {
  it("is accepted, and follows the prefix and the way in", async () => {
    for (const prefix of ["/var/ossec", "/srv/my wazuh: #1/ossec"])
      for (const hook of [false, true]) {
        const text = startingConfig(at(prefix), { mispUrl: undefined, hook, echoes: true });
        const { sources, sinks, feeds } = await parseConfig(text, "tipline.yaml");
        assert.deepEqual([sources.length, sinks.length, feeds.length], [1, 1, 1]);
        const source = sources[0]?.settings as { path: string };
        assert.equal(source.path, hook ? `${prefix}/queue/tipline` : `${prefix}/logs/alerts/alerts.json`);
        assert.equal((sinks[0]?.settings as { socket: string } | undefined)?.socket, `${prefix}/queue/sockets/queue`);
      }
  });

  it("is five lines of settings on a stock manager", () => {
    const lines = startingConfig(at("/var/ossec"), {
      mispUrl: "https://misp.example.net",
      hook: false,
      echoes: true,
    }).split("\n");
    assert.equal(lines.filter((line) => line !== "" && !line.startsWith("#")).length, 5);
  });

  it("takes the server of an endpoint that an old integration asked", async () => {
    for (const mispUrl of [
      "https://misp.example.net:8443/attributes/restSearch/",
      "https://misp.example.net:8443/",
      "https://misp.example.net:8443/attributes/restSearch/value:",
    ]) {
      const { feeds } = await parseConfig(
        startingConfig(at("/var/ossec"), { mispUrl, hook: false, echoes: true }),
        "tipline.yaml",
      );
      assert.equal(
        (feeds[0]?.settings as { url: string } | undefined)?.url.replace(/\/$/, ""),
        "https://misp.example.net:8443",
      );
    }
  });

  it("that is there is never touched", async (t) => {
    const { rig, options } = ground(t);
    mkdirSync(join(options.configFile, ".."), { recursive: true });
    writeFileSync(options.configFile, "mine\n");
    await install(rig.request, options, rig.world);
    await uninstall({ ...rig.request, purge: true }, rig.world);
    assert.equal(readFileSync(options.configFile, "utf8"), "mine\n");
  });
});

function ground(t: Parameters<typeof tempDir>[0]) {
  const root = tempDir(t);
  const dir = join(root, "ossec");
  layPrefix(dir, SHAPES["stock"] ?? "");
  const options = { user: false, hook: true, configFile: join(root, "etc/tipline.yaml") };
  return { root, dir, rig: installRig(dir), options };
}

describe("prefixes and files that are links", () => {
  it("a prefix that is a link is taken for what it names", async (t) => {
    const { root, dir, options } = ground(t);
    const before = snapshot(dir);
    symlinkSync(dir, join(root, "link"));
    const rig = installRig(join(root, "link"));
    assert.equal((await install(rig.request, options, rig.world)).status, "done");
    assert.equal((await install(rig.request, options, rig.world)).status, "unchanged");
    await uninstall({ ...rig.request, purge: true }, rig.world);
    assert.deepEqual(snapshot(dir), before);
  });

  for (const path of ["etc/ossec.conf", "etc/rules", "integrations"])
    it(`${path} that is a link: refused, and nothing is touched on either side`, async (t) => {
      const { root, dir, rig, options } = ground(t);
      renameSync(join(dir, path), join(root, "elsewhere"));
      symlinkSync(join(root, "elsewhere"), join(dir, path));
      const before = snapshot(root);
      await assert.rejects(install(rig.request, options, rig.world), /expected a (?:regular file|folder), found/);
      assert.deepEqual(snapshot(root), before);
    });

  it("a rules file planted as a link is not written through", async (t) => {
    const { root, dir, rig, options } = ground(t);
    writeFileSync(join(root, "shadow"), "secret");
    symlinkSync(join(root, "shadow"), join(dir, "etc/rules/tipline_rules.xml"));
    await assert.rejects(
      install(rig.request, options, rig.world),
      /tipline_rules\.xml: expected a regular file, found a link/,
    );
    assert.equal(readFileSync(join(root, "shadow"), "utf8"), "secret");
  });
});

describe("where others write the same files", () => {
  it("a worker of a cluster is told that the master decides", async (t) => {
    const { dir, rig, options } = ground(t);
    const path = join(dir, "etc/ossec.conf");
    const cluster = "  <cluster>\n    <node_type>worker</node_type>\n    <disabled>no</disabled>\n  </cluster>\n";
    writeFileSync(path, readFileSync(path, "utf8").replace("\n</ossec_config>", `${cluster}\n</ossec_config>`));
    await install(rig.request, options, rig.world);
    assert.ok(rig.plans[0]?.notes.some((note) => note.includes("this node is a worker")));
  });

  it("a manager that is not reloaded says when the changes count", async (t) => {
    const { rig, options } = ground(t);
    await install({ ...rig.request, reload: false }, options, rig.world);
    assert.ok(rig.said.includes("not reloaded: the changes count when the manager restarts"));
    assert.ok(!rig.ran.some((text) => text.endsWith("restart") || text === "hot reload"));
  });

  it("a snippet for agents goes to the groups named, once, and comes out again though they edited the rest", async (t) => {
    const { dir, rig, options } = ground(t);
    const path = join(dir, "etc/shared/default/agent.conf");
    await install(rig.request, { ...options, visibility: true, agentGroups: ["default"] }, rig.world);
    const text = readFileSync(path, "utf8");
    assert.match(text, /^<agent_config>\n<\/agent_config>\n<!-- Put here by .*eventchannel.*to here\. -->\n$/s);
    writeFileSync(path, `<!-- ours -->\n${text}`);
    assert.equal((await install(rig.request, options, rig.world)).status, "unchanged");
    await uninstall({ ...rig.request, purge: true }, rig.world);
    assert.equal(readFileSync(path, "utf8"), "<!-- ours -->\n<agent_config>\n</agent_config>\n");
  });
});
