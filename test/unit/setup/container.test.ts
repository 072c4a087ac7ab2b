import assert from "node:assert/strict";
import { test } from "node:test";
import { containerFile, mountsOf, readCompose, secretsOf } from "../../support/compose.ts";

const compose = readCompose();
const services = Object.entries(compose.services);

test("every image is pinned to one release", () => {
  for (const [name, { image }] of services) {
    const [, tag = ""] = /^[a-z0-9./-]+:([^@:]+)(?:@sha256:[0-9a-f]{64})?$/.exec(image) ?? [];
    assert.match(tag, /^v?\d+\.\d+\.\d+/, `${name}: ${image}`);
  }
  assert.equal(compose.services["tipline"]?.image, compose.services["tipline-install"]?.image);
  assert.match(containerFile("Dockerfile"), /^ARG NODE=node:\d+\.\d+\.\d+-[a-z-]+$/m);
});

test("what the issue names is there: Wazuh, MISP, Graylog, Fluent Bit and Tipline, each with what it stores in", () => {
  const names = services.map(([name]) => name);
  for (const name of "wazuh.manager wazuh.indexer wazuh.dashboard misp misp.db misp.redis graylog graylog.mongo opensearch fluent-bit tipline".split(
    " ",
  ))
    assert.ok(names.includes(name), name);
});

test("no secret stands in the file: each comes from a file of its own, and only to who needs it", () => {
  const secretish = /PASSWORD|SECRET|PASSPHRASE|_KEY$|SHA2/;
  for (const [name, service] of services)
    for (const [key, value] of Object.entries(service.environment ?? {})) {
      const placed = [...value.matchAll(/\{([a-z_0-9]+)\}/g)].map(([, secret = ""]) => secret);
      if (key.endsWith("__FROM")) {
        assert.ok(placed.length > 0, `${name}.${key}`);
        for (const secret of placed) assert.ok(secretsOf(service).includes(secret), `${name} has no secret ${secret}`);
        assert.ok(service.entrypoint?.includes("/with-secrets.sh"), name);
        // An entrypoint of ours takes the place of the image's command too.
        assert.ok(
          mountsOf(service).some(({ target }) => target === "/with-secrets.sh"),
          name,
        );
      } else if (key.endsWith("_FILE")) {
        const [, secret = ""] = /^\/run\/secrets\/([a-z_0-9]+)$/.exec(value) ?? [];
        assert.ok(secretsOf(service).includes(secret), `${name}.${key}`);
      } else if (!value.startsWith("/") && key !== "DISABLE_PRINTING_PLAINTEXT_CREDENTIALS") {
        assert.doesNotMatch(key, secretish, `${name}.${key}`);
      }
    }
  const declared = Object.keys(compose.secrets);
  const used = new Set(services.flatMap(([, service]) => secretsOf(service)));
  assert.deepEqual([...used].sort(), [...declared].sort());
  const text =
    containerFile("compose.yaml") + containerFile("config/indexer.yml") + containerFile("config/dashboard.yml");
  // The passwords that the vendors' own examples ship with.
  assert.doesNotMatch(text, /SecretPassword|MyS3cr37|kibanaserver:|redispassword|changeme\b|admin:admin|\$2[aby]\$/i);
});

test("every secret and certificate that is used is one that prepare.sh makes", () => {
  const script = containerFile("prepare.sh");
  for (const [name, { file }] of Object.entries(compose.secrets)) {
    const [, folder = "", base = ""] = /^\.\/(secrets|certs)\/(.+)$/.exec(file) ?? [];
    if (folder === "secrets") {
      assert.equal(base, name);
      assert.match(script, new RegExp(`(?:secret|secrets/)\\s?${name}\\b`), name);
    } else {
      const service = base.replace(/\.(pem|key)$/, "");
      assert.ok(
        service === "ca" || new RegExp(`for service in [^;]*\\b${service.replace(".", "\\.")}\\b`).test(script),
        base,
      );
    }
  }
  for (const file of ["indexer-users.yml", "opensearch-users.yml"]) assert.ok(script.includes(`users ${file}`), file);
});

test("what stores data has no way out, and what is published is on the loopback, but for the agents' ports", () => {
  for (const name of ["misp.db", "misp.redis", "graylog.mongo", "opensearch", "wazuh.indexer"]) {
    const { networks = [], ports = [] } = compose.services[name] ?? { image: "" };
    assert.deepEqual(ports, [], name);
    assert.ok(networks.length > 0 && networks.every((network) => compose.networks[network]?.internal), name);
  }
  for (const [name, { ports = [] }] of services)
    for (const port of ports)
      assert.ok(port.startsWith("127.0.0.1:") || /^151[45]:151[45]$/.test(port), `${name}: ${port}`);
});

test("TLS is verified wherever one part calls another across functions", () => {
  assert.equal(compose.services["wazuh.manager"]?.environment?.["FILEBEAT_SSL_VERIFICATION_MODE"], "full");
  assert.match(containerFile("config/dashboard.yml"), /opensearch\.ssl\.verificationMode: full/);
  assert.match(containerFile("config/fluent-bit.conf"), /tls\.verify +On/);
  assert.match(containerFile("config/tipline.yaml"), /url: https:\/\/misp\n[^#]*ca_file: \/run\/secrets\/ca/);
  assert.match(compose.services["graylog"]?.environment?.["GRAYLOG_ELASTICSEARCH_HOSTS__FROM"] ?? "", /^https:/);
  for (const file of ["config/indexer.yml", "config/opensearch.yml"])
    assert.match(containerFile(file), /plugins\.security\.ssl\.http\.enabled: true/);
  for (const [name, { healthcheck }] of services)
    assert.doesNotMatch((healthcheck?.test ?? []).join(" "), /curl[^|]* (-\w*k|--insecure)/, name);
});

test("every service says whether it is well, and waits for those it needs to be", () => {
  for (const [name, { healthcheck }] of services) assert.ok(healthcheck, name);
  for (const [name, { depends_on = {} }] of services)
    for (const [needed, { condition }] of Object.entries(depends_on)) {
      const target = compose.services[needed];
      assert.ok(target, `${name} needs ${needed}`);
      if (condition === "service_healthy") assert.ok(target.healthcheck?.test, `${needed} cannot become healthy`);
    }
});

test("Tipline sees the manager's alerts and sockets, in its group, and nothing else of it", () => {
  const tipline = compose.services["tipline"];
  assert.ok(tipline);
  const manager = mountsOf(compose.services["wazuh.manager"] ?? { image: "" });
  const shared = mountsOf(tipline).filter(({ source }) => source.startsWith("wazuh_"));
  assert.deepEqual(shared.map(({ target }) => target).sort(), ["/var/ossec/logs/alerts", "/var/ossec/queue/sockets"]);
  for (const { source, target, read_only, volume } of shared) {
    const there = manager.find((mount) => mount.source === source);
    assert.equal(`${there?.target}/${volume?.subpath}`, target, "the same path as in the manager");
    assert.equal(read_only, true);
  }
  assert.deepEqual(tipline.group_add, ["999"]);
});

test("Tipline and Fluent Bit run with nothing they do not need", () => {
  for (const name of ["tipline", "fluent-bit"]) {
    const service = compose.services[name];
    assert.deepEqual(service?.cap_drop, ["ALL"]);
    assert.equal(service?.read_only, true);
  }
  assert.equal(compose.services["tipline"]?.user, "10001:10001");
  for (const [name, service] of services) assert.notEqual(service.privileged, true, name);
  assert.deepEqual(compose.services["tipline-install"]?.profiles, ["install"], "only when it is asked for");
});

test("the installation, which cannot write to /etc, finds the configuration there", () => {
  const service = compose.services["tipline-install"];
  assert.ok(service?.read_only);
  assert.ok(mountsOf(service).some(({ target }) => target === "/etc/tipline/tipline.yaml"));
});

test("every name is declared", () => {
  for (const [name, service] of services) {
    for (const network of service.networks ?? []) assert.ok(network in compose.networks, `${name}: ${network}`);
    for (const { source } of mountsOf(service))
      assert.ok(source.startsWith("./") || source in compose.volumes, `${name}: ${source}`);
  }
});

test("the image is built in stages, runs as an ordinary user and takes no secret in", () => {
  const lines = containerFile("Dockerfile")
    .replaceAll(/\$\{NODE\}/g, "node")
    .split("\n");
  const stages = lines.filter((line) => line.startsWith("FROM "));
  assert.deepEqual(stages, ["FROM node AS build", "FROM node AS dependencies", "FROM node"]);
  const last = lines.slice(lines.lastIndexOf("FROM node"));
  assert.ok(last.includes("USER 10001:10001"));
  assert.ok(last.indexOf("USER 10001:10001") > last.findLastIndex((line) => /^(RUN|COPY)/.test(line)));
  assert.ok(last.some((line) => line.startsWith("HEALTHCHECK")));
  // What is copied must not be kept out of the context, and the other way round.
  const ignored = containerFile("Dockerfile.dockerignore").split("\n");
  assert.ok(ignored.includes("*"));
  for (const line of lines.filter((text) => /^COPY (?!--from)/.test(text)))
    for (const path of line.split(/\s+/).slice(1, -1)) assert.ok(ignored.includes(`!${path}`), path);
  for (const path of ["setup/container/secrets", "setup/container/certs"]) assert.ok(ignored.includes(path));
  assert.ok(["secrets/", "certs/", "generated/"].every((path) => containerFile(".gitignore").includes(path)));
});
