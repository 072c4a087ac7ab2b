import { z } from "zod";

/** `tls` of whatever listens. */
export const tlsSchema = z.strictObject({
  cert_file: z.string().min(1).describe("PEM file with the certificate and those between it and its authority."),
  key_file: z.string().min(1).describe("PEM file with its private key."),
  client_ca_file: z
    .string()
    .min(1)
    .optional()
    .describe("PEM file with the authority of client certificates; given, every client must show one."),
});
