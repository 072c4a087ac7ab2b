import { z } from "zod";

/** An http(s) URL. Credentials do not belong in it: URLs are logged. */
export const httpUrl = (description: string) =>
  z
    .url({ protocol: /^https?$/, error: "expected an http or https URL" })
    .refine((url) => !hasCredentials(url), {
      error: "expected a URL without user name and password: give them as key_file",
    })
    .describe(description);

function hasCredentials(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username !== "" || password !== "";
}
