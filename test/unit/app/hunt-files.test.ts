import assert from "node:assert/strict";
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { dayOverlaps, filesNamed, filesOfLogs } from "../../../src/app/hunt-files.ts";
import { tempDir } from "../../support/temp.ts";

function put(path: string, content: string | Buffer = '{"a":1}\n'): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const names = (files: readonly { readonly path: string }[], root: string) =>
  files.map(({ path }) => path.slice(root.length + 1));

test("a record lies in the file of its local day, wherever the manager's clock is and whatever it does that day", () => {
  // Local days of the whole world: UTC-12 to UTC+14, and Berlin's 23 and 25 hours.
  for (const zone of [
    "Etc/GMT+12",
    "Pacific/Kiritimati",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
  ]) {
    const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
    for (let hour = 0; hour < 400 * 24; hour += 1) {
      const time = Date.UTC(2026, 0, 1) + hour * 3_600_000;
      assert.ok(dayOverlaps(day.format(time), { from: time, to: time + 1 }), `${zone} ${new Date(time).toISOString()}`);
    }
  }
  assert.equal(dayOverlaps("2026-11-19", { from: Date.UTC(2026, 10, 21) }), false);
  assert.equal(dayOverlaps("2026-11-23", { to: Date.UTC(2026, 10, 22) }), false);
});

test("days around the window, all files of a day, the plain form before the packed one, alerts.json once", async (t) => {
  const root = tempDir(t);
  const alerts = join(root, "alerts");
  for (const day of ["17", "18", "19", "20"])
    put(join(alerts, `2026/Nov/ossec-alerts-${day}.json.gz`), gzipSync('{"a":1}\n'));
  put(join(alerts, "2026/Nov/ossec-alerts-20-001.json"));
  put(join(alerts, "2026/Nov/ossec-alerts-19.json"));
  put(join(alerts, "2026/Nov/ossec-alerts-20.json.sum"));
  put(join(alerts, "2026/Dec/ossec-alerts-01.json"));
  put(join(alerts, "2026/Nov/ossec-archive-20.json"));
  const today = put(join(alerts, "2026/Nov/ossec-alerts-21.json"));
  linkSync(today, join(alerts, "alerts.json"));
  const window = { from: Date.UTC(2026, 10, 20), to: Date.UTC(2026, 10, 22) };
  const { files, troubles } = await filesOfLogs([{ path: join(alerts, "alerts.json"), tag: "alerts" }], window);
  assert.deepEqual(troubles, []);
  assert.deepEqual(names(files, join(alerts, "2026/Nov")), [
    "ossec-alerts-19.json",
    "ossec-alerts-20.json.gz",
    "ossec-alerts-20-001.json",
    "ossec-alerts-21.json",
  ]);
  assert.deepEqual([files[1]?.packed, files[1]?.content], [true, 28]);
});

test("a link out of the tree is named and not read; one inside is the same file", async (t) => {
  const root = tempDir(t);
  const month = join(root, "alerts/2026/Nov");
  put(join(month, "ossec-alerts-20.json"));
  symlinkSync(put(join(root, "secret.json")), join(month, "ossec-alerts-21.json"));
  symlinkSync("ossec-alerts-20.json", join(month, "ossec-alerts-22.json"));
  symlinkSync("nowhere", join(month, "ossec-alerts-23.json"));
  mkdirSync(join(month, "ossec-alerts-24.json"));
  const { files, troubles } = await filesOfLogs([{ path: join(root, "alerts/alerts.json"), tag: "alerts" }], {});
  assert.deepEqual(names(files, month), ["ossec-alerts-20.json"]);
  assert.equal(troubles.length, 2);
  assert.match(troubles.join("\n"), /ossec-alerts-21\.json: not read: it is a link that leads out of/);
  assert.match(troubles.join("\n"), /ossec-alerts-24\.json: cannot be read: expected a file/);
});

test("a folder that cannot be read costs what is in it, and nothing else", async (t) => {
  const root = tempDir(t);
  const year = join(root, "alerts/2026");
  const today = put(join(year, "Nov/ossec-alerts-20.json"));
  linkSync(today, join(root, "alerts/alerts.json"));
  symlinkSync("Oct", join(year, "Oct"));
  const log = [{ path: join(root, "alerts/alerts.json"), tag: "alerts" as const }];
  for (const { files, troubles } of [await filesOfLogs(log, {}), await filesNamed([join(root, "alerts")], {})]) {
    assert.deepEqual(names(files, year), ["Nov/ossec-alerts-20.json"]);
    assert.equal(troubles.length, 1);
    assert.match(troubles[0] ?? "", /2026\/Oct: cannot be read: ELOOP/);
  }
  const late = await filesOfLogs(log, { from: Date.UTC(2026, 10, 19) });
  assert.deepEqual([names(late.files, year), late.troubles], [["Nov/ossec-alerts-20.json"], []]);
});

test("a log without daily files, and what was rotated from it", async (t) => {
  const root = tempDir(t);
  const line = (time: string) => `{"timestamp":"${time}","a":1}\n`;
  put(join(root, "alerts.json"), line("2026-11-21T10:00:00.000+0000"));
  put(join(root, "alerts.json.1"), line("2026-11-20T10:00:00.000+0000"));
  put(join(root, "alerts.json.2.gz"), gzipSync(line("2026-11-10T10:00:00.000+0000")));
  const log = [{ path: join(root, "alerts.json"), tag: "alerts" as const }];
  const all = await filesOfLogs(log, {});
  assert.deepEqual(names(all.files, root), ["alerts.json.2.gz", "alerts.json.1", "alerts.json"]);
  const late = await filesOfLogs(log, { from: Date.UTC(2026, 10, 21, 12) });
  assert.deepEqual(names(late.files, root), ["alerts.json"]);
});

test("named files: in the order given, each once, folders of years, and what is wrong with the others", async (t) => {
  const root = tempDir(t);
  const b = put(join(root, "b.json"));
  const a = put(join(root, "a.json"));
  linkSync(a, join(root, "c.json"));
  put(join(root, "a.json.gz"), gzipSync('{"a":1}\n'));
  put(join(root, "empty.json"), "");
  put(join(root, "old/2026/Nov/ossec-alerts-01.json"));
  mkdirSync(join(root, "nothing"));
  const { files, troubles } = await filesNamed(
    [b, join(root, "*.json*"), join(root, "old"), join(root, "nothing"), join(root, "missing"), join(root, "x*")],
    {},
  );
  assert.deepEqual(names(files, root), ["b.json", "a.json", "old/2026/Nov/ossec-alerts-01.json"]);
  assert.equal(troubles.length, 3);
  assert.match(troubles.join("\n"), /nothing: cannot be read: expected YYYY\/Mon/);
  assert.match(troubles.join("\n"), /missing: cannot be read: ENOENT/);
  assert.match(troubles.join("\n"), /x\*: cannot be read: no file matches/);
});

test("an empty day, or one that has just been compressed, is read in its packed form", async (t) => {
  const root = tempDir(t);
  const month = join(root, "alerts/2026/Nov");
  const packed = gzipSync('{"a":1}\n');
  for (const day of ["18", "19"]) {
    put(join(month, `ossec-alerts-${day}.json`), "");
    put(join(month, `ossec-alerts-${day}.json.sum`));
  }
  put(join(month, "ossec-alerts-19.json.gz"), packed);
  // The plain name is in the list, and leads to nothing any more.
  symlinkSync("nowhere", join(month, "ossec-alerts-20.json"));
  put(join(month, "ossec-alerts-20.json.gz"), packed);
  const log = [{ path: join(root, "alerts/alerts.json"), tag: "alerts" as const }];
  const expected = ["ossec-alerts-19.json.gz", "ossec-alerts-20.json.gz"];
  for (const { files, troubles } of [await filesOfLogs(log, {}), await filesNamed([join(root, "alerts")], {})]) {
    assert.deepEqual(names(files, month), expected);
    assert.deepEqual([files[0]?.packed, files[0]?.day], [true, "2026-11-19"]);
    assert.deepEqual(troubles, []);
  }
});

test("an emptied file of a rename rotation is read in its packed form", async (t) => {
  const root = tempDir(t);
  const line = (time: string) => `{"timestamp":"${time}","a":1}\n`;
  put(join(root, "alerts.json"), line("2026-11-21T10:00:00.000+0000"));
  put(join(root, "alerts.json.1"), "");
  put(join(root, "alerts.json.1.gz"), gzipSync(line("2026-11-20T10:00:00.000+0000")));
  put(join(root, "alerts.json.2"), "");
  const { files, troubles } = await filesOfLogs([{ path: join(root, "alerts.json"), tag: "alerts" }], {});
  assert.deepEqual(new Set(names(files, root)), new Set(["alerts.json.1.gz", "alerts.json"]));
  assert.deepEqual(troubles, []);
});

test("a packed file of no bytes is named, unless the plain one beside it is read", async (t) => {
  const root = tempDir(t);
  const month = join(root, "alerts/2026/Nov");
  put(join(month, "ossec-alerts-19.json"), "");
  for (const day of ["19", "20", "21"]) put(join(month, `ossec-alerts-${day}.json.gz`), "");
  put(join(month, "ossec-alerts-21.json"));
  const log = [{ path: join(root, "alerts/alerts.json"), tag: "alerts" as const }];
  for (const { files, troubles } of [await filesOfLogs(log, {}), await filesNamed([join(month, "*")], {})]) {
    assert.deepEqual(names(files, month), ["ossec-alerts-21.json"]);
    assert.deepEqual(
      troubles.map((text) => text.slice(month.length + 1)),
      ["19", "20"].map(
        (day) => `ossec-alerts-${day}.json.gz: cannot be read: expected a packed file, found an empty one`,
      ),
    );
  }
});
