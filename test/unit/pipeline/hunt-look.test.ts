import assert from "node:assert/strict";
import { test } from "node:test";
import { type Line, LineSplitter } from "../../../src/lib/lines.ts";
import { lookFor } from "../../../src/pipeline/hunt-look.ts";
import { extractAll } from "../../support/extractors.ts";

const alert = (host: string, n: number) =>
  JSON.stringify({
    timestamp: "2026-11-21T11:59:00.000+0000",
    id: String(n),
    full_log: `GET http://${host}/ HTTP/1.1`,
  });

/** Mostly clean ones, with blank lines, carriage returns, what is no alert, and some that match. */
const LINES = Array.from({ length: 300 }, (_, n) =>
  n % 10 === 3
    ? alert("www.evil.example", n)
    : (["", "\r", "[1]", "tru", '{"a":"\u0000"}', `${alert("fine.example", n)}\r`][n % 17] ?? alert("fine.example", n)),
);

function linesOf(bytes: Buffer, chunk: number): Line[] {
  const splitter = new LineSplitter();
  const lines: Line[] = [];
  for (let at = 0; at < bytes.length; at += chunk) {
    splitter.feed(bytes.subarray(at, at + chunk));
    for (let line = splitter.next(); line !== undefined; line = splitter.next()) if (line.length > 0) lines.push(line);
  }
  return lines;
}

test("what does not pass is what a look would answer with false, however the chunks were cut", async () => {
  const look = lookFor([["domain", "subdomains", "evil.example"]], { extract: await extractAll() });
  const bytes = Buffer.from(LINES.map((line) => `${line}\n`).join(""));
  for (const chunk of [50, 1000, 5000, bytes.length]) {
    const lines = linesOf(bytes, chunk);
    const passing = look.passing(lines);
    const wanted = lines.map((line) => look.at(line.bytes, undefined) !== false);
    for (const [at, want] of wanted.entries())
      if (want) assert.equal(passing[at], 1, `chunks of ${chunk}: ${lines[at]?.bytes.toString()}`);
    assert.ok(wanted.some((want) => !want));
  }
  assert.equal(look.passing([]).length, 0);
});
