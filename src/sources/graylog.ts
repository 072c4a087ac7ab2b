import { z } from "zod";
import { notificationAlerts } from "../clients/graylog-notification.ts";
import { HttpIntake } from "../clients/http-intake.ts";
import { intakeRoute, MOST_BODY_BYTES } from "../clients/http-intake-route.ts";
import { defineSource } from "../contract/define.ts";
import { secretFrom, secretText } from "../lib/secret-schema.ts";

const config = z.strictObject({
  path: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9._~-]+)+$/, "expected a path such as /v1/graylog")
    .default("/v1/graylog")
    .describe("Where on the HTTP listener (http.listen) Graylog posts its notifications to."),
  field_prefix: z
    .string()
    .max(100)
    .default("wazuh_")
    .describe("What Graylog's rules put before the names of an alert's fields; taken off again."),
  token: secretText("Bearer token that Graylog must show; give it from the environment.").optional(),
  token_file: z
    .string()
    .min(1)
    .optional()
    .describe("File with the bearer token, instead of token. One of them is needed where http.listen is not loopback."),
});

/** Graylog gives up after 10 seconds, and what it gave up is lost; what is answered 503 it sends again after five minutes. */
const WITHIN_MS = 5_000;
const BODY_WAIT_MS = 2_000;

export default defineSource<z.infer<typeof config>>({
  type: "graylog",
  summary:
    "Takes Graylog's HTTP notifications: each message of the backlog is an alert, an event without messages is one.",
  config,
  create({ path, field_prefix, token, token_file }, { name, clock, log, http }) {
    const intake = new HttpIntake(clock);
    const handler = intakeRoute({
      intake,
      partition: (body, { remote }) => notificationAlerts(body, field_prefix, remote),
      withinMs: WITHIN_MS,
      log,
    });
    http?.mount("POST", path, handler, {
      owner: `sources.${name}`,
      token: secretFrom(token_file, token, `sources.${name}.token_file`),
      maxBodyBytes: MOST_BODY_BYTES,
      waitMs: BODY_WAIT_MS,
      keepsSender: true,
    });
    return {
      read: (_, signal) => intake.read(signal),
      committed: (delivery) => intake.committed(delivery),
      lag: () => intake.lag(),
    };
  },
});
