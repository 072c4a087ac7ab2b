import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Ajv } from "ajv";
import { readCompose } from "../../support/compose.ts";

// biome-ignore lint/suspicious/noExplicitAny: a JSON schema
type Schema = any;

/** The Compose Specification's schema, as a package carries it, with what it has learned since. */
function composeSchema(): Schema {
  const { getDockerComposeSchemaWithoutFormats } = createRequire(import.meta.url)("composeverter") as {
    getDockerComposeSchemaWithoutFormats(): Schema;
  };
  // The package writes its patterns as JavaScript does, between slashes, which a schema takes literally.
  const bare = (name: string, value: unknown) =>
    name === "pattern" && typeof value === "string" ? value.replace(/^\/(.*)\/$/s, "$1") : value;
  const schema = JSON.parse(JSON.stringify(getDockerComposeSchemaWithoutFormats()), bare);
  const long = schema.definitions.service.properties.volumes.items.oneOf.find((kind: Schema) => kind.type === "object");
  // Newer than the package: docs.docker.com/reference/compose-file/services/#long-syntax-6
  long.properties.volume.properties.subpath = { type: "string" };
  return schema;
}

const check = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(composeSchema());

function validate(document: unknown): string[] {
  if (check(document)) return [];
  return (check.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

test("compose.yaml is valid by the Compose Specification's schema", () => {
  assert.deepEqual(validate(readCompose()), []);
});

test("and the schema would say so if it were not", () => {
  const broken: ((compose: Schema) => void)[] = [
    (compose) => {
      compose.services.tipline.restarts = "always";
    },
    (compose) => {
      compose.services.misp.healthcheck.retries = "many";
    },
    (compose) => {
      compose.services.misp.depends_on["misp.db"].condition = "service_well";
    },
    (compose) => {
      compose.services.graylog.ports = [{ published: 9000 }, true];
    },
    (compose) => {
      compose.servces = {};
    },
    (compose) => {
      compose.secrets.ca = { path: "./x" };
    },
  ];
  for (const breakIt of broken) {
    const compose = structuredClone(readCompose());
    breakIt(compose);
    assert.notDeepEqual(validate(compose), [], String(breakIt));
  }
});
