import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { actionOf, isKnownList } from "../../../src/intel/warninglist-actions.ts";
import { loadWarninglists, parseWarninglist } from "../../../src/intel/warninglist-load.ts";
import { compileListRegex } from "../../../src/intel/warninglist-regex.ts";
import { createWarninglists, type SkippedEntries } from "../../../src/intel/warninglist-set.ts";
import type { Warninglist, WarninglistType } from "../../../src/intel/warninglists.ts";
import { type Log, silentLog } from "../../../src/lib/log.ts";
import { packageRoot } from "../../../src/lib/package-root.ts";
import type { ObservableType } from "../../../src/model/observable.ts";
import { sharedOrSkip } from "../../support/shared.ts";
import { tempDir } from "../../support/temp.ts";

const list = (type: WarninglistType, entries: readonly string[], over: Partial<Warninglist> = {}): Warninglist => ({
  slug: "",
  name: type,
  type,
  matchingAttributes: [],
  entries,
  ...over,
});
const names = (
  lists: readonly Warninglist[],
  type: ObservableType,
  value: string,
  attributes: readonly string[] = [],
) =>
  createWarninglists(lists)
    .check(type, value, attributes)
    .map(({ name }) => name);

test("each type of list covers what MISP says it covers", () => {
  const lists = [
    list("cidr", ["8.8.8.0/24", "1.1.1.1", "2001:db8::/32", "10.0.0.0/8"]),
    list("hostname", ["Example.COM.", ".dyn.example"]),
    list("string", ["www.exact.example", ".dotted.example", "D41D8CD98F00B204E9800998ECF8427E"]),
    list("substring", ["mailinator.com", "abc"]),
    list("regex", ["/^(noc|abuse)@.*$/i"]),
  ];
  const cases: readonly (readonly [ObservableType, string, readonly string[]])[] = [
    ["ip", "8.8.8.8", ["cidr"]],
    ["ip", "8.8.9.8", []],
    ["ip", "1.1.1.1", ["cidr"]],
    ["ip", "2001:db8:1::5", ["cidr"]],
    ["ip", "2001:db9::", []],
    ["ip", "10.1.0.0/16", ["cidr"]],
    ["ip", "8.0.0.0/8", []],
    ["domain", "example.com", ["hostname"]],
    ["domain", "a.b.example.com", ["hostname"]],
    ["domain", "notexample.com", []],
    ["domain", "x.dyn.example", ["hostname"]],
    ["domain", "www.exact.example", ["string"]],
    ["domain", "x.www.exact.example", []],
    ["domain", "dotted.example", ["string"]],
    ["domain", "x.dotted.example", []],
    ["md5", "d41d8cd98f00b204e9800998ecf8427e", ["string"]],
    ["email", "joe@mailinator.com", ["substring"]],
    ["email", "joe@a.example.com", ["hostname"]],
    ["email", "abuse@other.example", ["regex"]],
    ["url", "http://a.example.com/", ["hostname"]],
    ["url", "http://a.example.com/evil", []],
    ["url", "http://a.example.com/?x=1", []],
    ["url", "http://8.8.8.8:53/", ["cidr"]],
    ["url", "http://[2001:db8::1]/", ["cidr"]],
    ["sha256", "ab".repeat(32), []],
    ["filename", "mailinator.com.exe", []],
  ];
  for (const [type, value, expected] of cases)
    assert.deepEqual(names(lists, type, value), expected, `${type} ${value}`);
});

test("matching_attributes are honoured, halves of composites included", () => {
  const lists = [list("cidr", ["8.8.8.8"], { matchingAttributes: ["ip-src", "domain|ip"] })];
  assert.deepEqual(names(lists, "ip", "8.8.8.8", ["ip-dst"]), []);
  assert.deepEqual(names(lists, "ip", "8.8.8.8", ["ip-dst", "ip-src"]), ["cidr"]);
  assert.deepEqual(names(lists, "ip", "8.8.8.8", ["ip-src|port"]), ["cidr"]);
  assert.deepEqual(names(lists, "ip", "8.8.8.8"), ["cidr"]);
  assert.deepEqual(names([list("cidr", ["8.8.8.8"], { matchingAttributes: ["md5"] })], "ip", "8.8.8.8"), []);
});

test("entries that are not what their list says are skipped and told", () => {
  const skipped: SkippedEntries[] = [];
  const set = createWarninglists(
    [list("cidr", ["8.8.8.8", "nonsense", "", "1.2.3.4/99"]), list("substring", ["a"])],
    (entries) => skipped.push(entries),
  );
  assert.equal(set.entries, 1);
  assert.deepEqual(skipped, [
    { list: "cidr", reason: "neither address nor network", count: 2 },
    { list: "cidr", reason: "empty entry", count: 1 },
    { list: "substring", reason: "part of fewer than 4 characters", count: 1 },
  ]);
});

test("regexes that could blow up are not taken", () => {
  for (const bad of [
    "/(a+)+$/",
    "/(a|aa)*b/",
    "/(.*)\\1/",
    "/(?=a)b/",
    "/a*b*c*/",
    "/a{1000}/",
    "no slashes",
    "/(/",
    "/(a{2}){3,}/",
  ]) {
    assert.equal(typeof compileListRegex(bad), "string", bad);
  }
  for (const good of ["/^abuse@.*$/i", "/((?:\\+|00)1)?([0-9]{3})55501([0-9]{2})/g", "/a(b|c)?d/"]) {
    assert.ok(compileListRegex(good) instanceof RegExp, good);
  }
});

test("a folder in MISP's layout is loaded; what is broken is skipped with a warning", (t) => {
  const dir = tempDir(t);
  const add = (name: string, content: string) => {
    mkdirSync(join(dir, "lists", name), { recursive: true });
    writeFileSync(join(dir, "lists", name, "list.json"), content);
  };
  add("good", JSON.stringify({ name: "Good", type: "string", list: ["a.example"], matching_attributes: ["domain"] }));
  add("public-dns-v4", JSON.stringify({ name: "DNS", type: "cidr", list: { "0": "8.8.8.8", "2": "9.9.9.9" } }));
  add("broken", "{");
  add("typeless", JSON.stringify({ name: "x", type: "magic", list: [] }));
  add("listless", JSON.stringify({ name: "x", type: "cidr" }));
  mkdirSync(join(dir, "lists", "empty"));
  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (_message, fields) => warnings.push(String(fields?.["reason"])) };
  const set = loadWarninglists(dir, log);
  assert.equal(set.count, 2);
  assert.equal(warnings.length, 3);
  assert.match(warnings.join("\n"), /JSON[\s\S]*list of entries[\s\S]*expected type cidr/);
  assert.deepEqual(set.check("ip", "9.9.9.9", ["ip-dst"]), [{ name: "DNS", action: "suppress" }]);
  assert.throws(() => loadWarninglists(tempDir(t), silentLog), { code: "TIP_CONFIG_INVALID" });
  assert.throws(() => loadWarninglists(join(dir, "absent"), silentLog), { code: "TIP_CONFIG_INVALID" });
});

test("a list as a server sends it is understood, too", () => {
  const served = {
    name: "S",
    type: "cidr",
    WarninglistEntry: [{ value: "8.8.8.8", comment: "x" }],
    WarninglistType: [{ type: "ip-src" }],
  };
  assert.deepEqual(parseWarninglist(served, ""), {
    slug: "",
    name: "S",
    type: "cidr",
    matchingAttributes: ["ip-src"],
    entries: ["8.8.8.8"],
  });
});

test("the lists that ship with Tipline load whole and suppress", () => {
  const warnings: string[] = [];
  const set = loadWarninglists(join(packageRoot(), "lists"), {
    ...silentLog,
    warn: (message) => warnings.push(message),
  });
  assert.deepEqual(warnings, []);
  assert.equal(set.check("ip", "8.8.8.8", ["ip-dst"])[0]?.action, "suppress");
  assert.equal(set.check("domain", "dns.google", ["hostname"])[0]?.action, "suppress");
  assert.equal(set.check("md5", "d41d8cd98f00b204e9800998ecf8427e", ["md5"])[0]?.action, "suppress");
  assert.deepEqual(set.check("ip", "8.8.8.9", ["ip-dst"]), []);
});

test("every public list has its action; unknown ones annotate", (t) => {
  assert.equal(actionOf("never-seen", "Never seen"), "annotate");
  assert.equal(actionOf("", "List of known IPv4 public DNS resolvers"), "suppress");
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const dir = join(shared, "data/misp/warninglists");
  assert.deepEqual(
    readdirSync(dir).filter((slug) => !isKnownList(slug)),
    [],
  );
  const warnings: unknown[] = [];
  const set = loadWarninglists(dir, { ...silentLog, warn: (message, fields) => warnings.push([message, fields]) });
  assert.equal(set.count, readdirSync(dir).length);
  assert.deepEqual(warnings, []);
  assert.ok(set.check("ip", "8.8.8.8", ["ip-dst"]).some(({ action }) => action === "suppress"));
  assert.ok(set.check("domain", "evil.blob.core.windows.net", ["domain"]).every(({ action }) => action === "annotate"));
});
