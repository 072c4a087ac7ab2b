import { z } from "zod";
import { HttpIntake } from "../clients/http-intake.ts";
import { alertBody, intakeRoute, MOST_BODY_BYTES } from "../clients/http-intake-route.ts";
import { defineSource } from "../contract/define.ts";
import { secretFrom, secretText } from "../lib/secret-schema.ts";

const config = z.strictObject({
  path: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9._~-]+)+$/, "expected a path such as /v1/alerts")
    .default("/v1/alerts")
    .describe("Where on the HTTP listener (http.listen) alerts are posted to."),
  token: secretText("Bearer token that senders must show; give it from the environment.").optional(),
  token_file: z
    .string()
    .min(1)
    .optional()
    .describe("File with the bearer token, instead of token. One of them is needed where http.listen is not loopback."),
});

/** Fluent Bit waits as long as it takes by default; whoever asks by hand does not. */
const WITHIN_MS = 25_000;

export default defineSource<z.infer<typeof config>>({
  type: "http",
  summary:
    "Takes alerts that are posted to it (Fluent Bit's http output, or anything else); answers once they are durable.",
  config,
  create({ path, token, token_file }, { name, clock, log, http }) {
    const intake = new HttpIntake(clock);
    const handler = intakeRoute({ intake, partition: alertBody, withinMs: WITHIN_MS, log });
    http?.mount("POST", path, handler, {
      owner: `sources.${name}`,
      token: secretFrom(token_file, token, `sources.${name}.token_file`),
      maxBodyBytes: MOST_BODY_BYTES,
      waitMs: 10_000,
      keepsSender: true,
    });
    return {
      read: (_, signal) => intake.read(signal),
      committed: (delivery) => intake.committed(delivery),
      lag: () => intake.lag(),
    };
  },
});
