import { readFileSync } from "node:fs";
import { Agent, request } from "undici";

/** Fetches what `argv[2]` (a JSON list of requests) names from `argv[3]`, one after the other, and parses each answer whole. */
const [, , list = "", url = "", key = ""] = process.argv;
const requests = JSON.parse(readFileSync(list, "utf8")) as readonly { method: string; path: string; body: string }[];
const dispatcher = new Agent({ connections: 1 });
let values = 0;
for (const { method, path, body } of requests) {
  const answer = await request(`${url}${path}`, {
    dispatcher,
    method: method as "GET" | "POST",
    headers: { authorization: key, accept: "application/json", "content-type": "application/json" },
    ...(body === "" ? {} : { body }),
  });
  values += Object.keys(JSON.parse(await answer.body.text()) as object).length;
}
process.stdout.write(`${values}\n`);
await dispatcher.close();
