import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findingId, isOurs } from "../../../src/intel/finding-id.ts";
import type { Generation } from "../../../src/intel/generation.ts";
import type { JsonObject } from "../../../src/model/json.ts";
import { assess } from "../../../src/pipeline/assess.ts";
import { createExtraction } from "../../../src/pipeline/extract.ts";
import { toFinding } from "../../../src/pipeline/finding.ts";
import { handleRecord, ownFindingId } from "../../../src/pipeline/handle.ts";
import { toAlert } from "../../../src/pipeline/parse-alert.ts";
import { EXTRACTORS } from "../../../src/registry.gen.ts";
import { aGeneration } from "../../support/generation.ts";
import { anIndicator, aReport } from "../../support/make.ts";

const KEY = Buffer.alloc(32, 7);
const extract = createExtraction(EXTRACTORS);
const ENVELOPE = {
  timestamp: "2026-11-21T21:45:50.015+0000",
  rule: { level: 3, description: "a rule", id: "61650", groups: ["windows", "sysmon"] },
  agent: { id: "001", name: "ws-01", ip: "10.0.0.2" },
  manager: { name: "manager" },
  id: "1795297550.1318",
  decoder: { name: "windows_eventchannel" },
  location: "EventChannel",
};

function dnsQuery(name: string): JsonObject {
  return {
    ...ENVELOPE,
    data: {
      win: {
        system: { eventID: "22", computer: "ws-01", channel: "Microsoft-Windows-Sysmon/Operational" },
        eventdata: { queryName: name, image: "C:\\\\Windows\\\\System32\\\\curl.exe", user: "CORP\\\\ana" },
      },
    },
  };
}

function judge(event: JsonObject, generation: Generation) {
  const bytes = Buffer.from(JSON.stringify(event));
  const alert = toAlert(bytes, "wazuh", 0);
  const assessment = assess(alert, extract(alert.event), generation);
  const finding =
    assessment.verdict &&
    toFinding(alert, bytes.toString(), assessment.verdict, "live", (parts) => findingId(KEY, parts));
  return { assessment, finding };
}

describe("assess", () => {
  it("says nothing of an alert that matches nothing", () => {
    assert.equal(
      judge(dnsQuery("good.com"), aGeneration([anIndicator("domain", "bad.com")])).assessment.verdict,
      undefined,
    );
  });

  it("names the observable, its place and role, the event and the reasons", () => {
    const { finding } = judge(dnsQuery("cdn.BAD.com."), aGeneration([anIndicator("domain", "bad.com")]));
    assert.equal(finding?.misp.event_id, "241");
    assert.equal(finding?.misp.value, "bad.com");
    assert.deepEqual(finding?.misp.match, {
      kind: "subdomain",
      where: "data.win.eventdata.queryName",
      observable: "cdn.bad.com",
      role: "query",
    });
    assert.equal(finding?.misp.context?.host, "ws-01");
    assert.equal(finding?.key.entity, "agent:001");
    assert.ok(finding?.misp.reasons?.includes("+45 to_ids"));
    assert.equal(finding?.tlp, "green");
  });

  it("gives only strings as leaves, and the community's four members always", () => {
    const { finding } = judge(dnsQuery("bad.com"), aGeneration([anIndicator("domain", "bad.com")]));
    const walk = (value: unknown): void => {
      if (typeof value === "object" && value !== null) for (const item of Object.values(value)) walk(item);
      else assert.equal(typeof value, "string");
    };
    walk(finding?.misp);
    for (const key of ["event_id", "category", "type", "value"] as const)
      assert.ok((finding?.misp[key] ?? "").length > 0);
  });

  it("keeps every match and lets the best one lead", () => {
    const weak = anIndicator("filename", "curl.exe", {
      weak: true,
      attributeUuid: "5f0f3e6a-0000-4000-8000-0000000000a2",
    });
    const { finding, assessment } = judge(dnsQuery("bad.com"), aGeneration([weak, anIndicator("domain", "bad.com")]));
    assert.equal(assessment.verdict?.matches.length, 2);
    assert.equal(finding?.misp.type, "domain");
    assert.deepEqual(finding?.misp.others, ["filename curl.exe"]);
  });

  it("turns a known-benign match into a finding that names the list", () => {
    const lists = new Map([["bad.com", [{ name: "List of known good names", action: "suppress" as const }]]]);
    const { finding } = judge(dnsQuery("bad.com"), aGeneration([anIndicator("domain", "bad.com")], { lists }));
    assert.equal(finding?.suppressed, true);
    assert.equal(finding?.misp.band, "benign");
    assert.equal(finding?.misp.warninglist, "List of known good names");
  });

  it("holds an allow entry for an agent on every entity that the agent reports on", () => {
    const { data: _, ...envelope } = dnsQuery("");
    const data = { event_type: "alert", src_ip: "10.9.9.9", dest_ip: "198.18.7.7", alert: { signature: "x" } };
    const flow = { ...envelope, data };
    const entry = { type: "ip", value: "198.18.7.7", reason: "ours", by: "ana", createdAt: 0 } as const;
    for (const [entity, expected] of [
      ["agent:001", true],
      ["agent:002", false],
    ] as const) {
      const allow = [{ ...entry, entity } as never];
      const { assessment } = judge(flow, aGeneration([anIndicator("ip", "198.18.7.7")], { allow }));
      assert.equal(assessment.verdict?.entity.key, "ip:10.9.9.9");
      assert.equal(assessment.verdict?.suppressed, expected);
    }
  });

  it("honours allow entries, and puts an unsuppressed match before a suppressed one", () => {
    const allow = [
      {
        type: "domain" as const,
        value: anIndicator("domain", "bad.com").value,
        reason: "ours",
        createdAt: 0,
        by: "ana",
      },
    ];
    const generation = aGeneration(
      [anIndicator("domain", "bad.com"), anIndicator("filename", "curl.exe", { weak: true })],
      { allow },
    );
    const { finding } = judge(dnsQuery("x.bad.com"), generation);
    assert.equal(finding?.suppressed, false);
    assert.equal(finding?.misp.type, "filename");
  });

  it("does not look private addresses up, and says so", () => {
    const event = { ...ENVELOPE, data: { srcip: "10.1.1.1" } };
    const { assessment } = judge(event, aGeneration([anIndicator("ip", "10.1.1.1")]));
    assert.equal(assessment.verdict, undefined);
    assert.match(
      assessment.considered.find(({ observable }) => observable.type === "ip")?.notLookedUp ?? "",
      /private/,
    );
  });

  it("sees the companion of a composite", () => {
    const composite = anIndicator("domain", "bad.com", {
      attributeType: "domain|ip",
      companion: { kind: "ip", value: "198.18.4.4" },
    });
    const event = dnsQuery("bad.com") as unknown as { data: { win: { eventdata: Record<string, string> } } };
    event.data.win.eventdata["queryResults"] = "::ffff:198.18.4.4;";
    assert.equal(
      judge(event as unknown as JsonObject, aGeneration([composite])).assessment.verdict?.matches[0]?.match
        .companionSeen,
      true,
    );
    assert.equal(
      judge(dnsQuery("bad.com"), aGeneration([composite])).assessment.verdict?.matches[0]?.match.companionSeen,
      false,
    );
  });

  it("takes the strictest TLP of all matches", () => {
    const red = anIndicator("filename", "curl.exe", { weak: true, event: { ...aReport().event, tags: ["tlp:red"] } });
    assert.equal(judge(dnsQuery("bad.com"), aGeneration([red, anIndicator("domain", "bad.com")])).finding?.tlp, "red");
  });
});

describe("handleRecord", () => {
  const context = {
    source: "wazuh",
    mode: "live" as const,
    generation: aGeneration([anIndicator("domain", "bad.com")]),
    extract,
    nameFinding: (parts: Parameters<typeof findingId>[1]) => findingId(KEY, parts),
    isOurs: (id: string) => isOurs(KEY, id),
    receivedAt: 0,
  };
  const record = (event: unknown) => ({ bytes: Buffer.from(JSON.stringify(event)), origin: "alerts.json:0" });

  it("gives equal records equal ids, and different ones different ids", () => {
    const [a] = handleRecord(record(dnsQuery("bad.com")), context).findings;
    const [b] = handleRecord(record(dnsQuery("bad.com")), context).findings;
    const [c] = handleRecord(record(dnsQuery("x.bad.com")), context).findings;
    assert.equal(a?.id, b?.id);
    assert.notEqual(a?.id, c?.id);
  });

  it("takes its own finding back as a confirmation", () => {
    const [finding] = handleRecord(record(dnsQuery("bad.com")), context).findings;
    for (const location of ["misp", "(ws-01) 10.0.0.2->misp"]) {
      const echo = { ...ENVELOPE, location, data: { integration: "misp", misp: finding?.misp } };
      assert.deepEqual(handleRecord(record(echo), context), {
        findings: [],
        deadLetters: [],
        confirmed: [finding?.id],
      });
    }
  });

  it("skips its own event in the archives without a confirmation: no rule made an alert of it", () => {
    const [finding] = handleRecord(record(dnsQuery("bad.com")), context).findings;
    const { rule: _, ...archived } = ENVELOPE;
    const echo = { ...archived, location: "misp", data: { integration: "misp", misp: finding?.misp } };
    for (const event of [echo, { ...echo, rule: { level: 0, id: "100620", description: "parent" } }])
      assert.deepEqual(handleRecord(record(event), context), { findings: [], deadLetters: [], confirmed: [] });
  });

  it("matches a log line that repeats a whole finding of its own: it comes from another place", () => {
    const [finding] = handleRecord(record(dnsQuery("bad.com")), context).findings;
    const misp = { ...finding?.misp, match: { observable: "bad.com" } };
    for (const location of ["/var/log/app.json", "/var/log/misp"]) {
      const copied = { ...ENVELOPE, location, data: { integration: "misp", misp } };
      const handled = handleRecord(record(copied), context);
      assert.deepEqual(handled.confirmed, []);
      assert.equal(handled.findings[0]?.misp.foreign, "true");
    }
  });

  it("matches what only claims to be its own, and marks it foreign", () => {
    const [finding] = handleRecord(record(dnsQuery("bad.com")), context).findings;
    const forged = {
      ...ENVELOPE,
      location: "misp",
      data: { integration: "misp", misp: { finding_id: "0".repeat(40) }, url: "http://bad.com/x" },
    };
    const borrowed = {
      ...ENVELOPE,
      location: "misp",
      data: { integration: "misp", misp: finding?.misp, url: "http://bad.com/x" },
    };
    for (const event of [forged, borrowed]) {
      const handled = handleRecord(record(event), context);
      assert.equal(handled.confirmed.length, 0);
      assert.equal(handled.findings[0]?.misp.foreign, "true");
    }
    assert.equal(ownFindingId(toAlert(record(forged).bytes, "wazuh", 0), context.isOurs), undefined);
  });

  it("leaves a finding about a finding alone, or two lines on one manager would answer each other for ever", () => {
    const [theirs] = handleRecord(record(dnsQuery("bad.com")), context).findings;
    const misp = { ...theirs?.misp, finding_id: "0".repeat(40), link: "https://bad.com/x" };
    const echo = { ...ENVELOPE, location: "misp", data: { integration: "misp", misp } };
    const [answer] = handleRecord(record(echo), context).findings;
    assert.equal(answer?.misp.foreign, "true", "what somebody else found is matched");
    const again = { ...echo, data: { integration: "misp", misp: { ...misp, foreign: "true" } } };
    for (const location of ["misp", "API-Webhook"])
      assert.deepEqual(handleRecord(record({ ...again, location }), context).findings, []);
    const { location: _, ...without } = again;
    const elsewhere = ["/var/log/app.json", "/var/log/x->misp", "C:\\x->misp"].map((location) => ({
      ...again,
      location,
    }));
    const padded = { ...again, data: { ...again.data, url: "http://bad.com/x" } };
    for (const event of [without, padded, ...elsewhere])
      assert.equal(handleRecord(record(event), context).findings.length, 1, "nothing else hides behind the mark");
  });

  it("matches a whole finding of its own from a file that is named like its location", () => {
    const [finding] = handleRecord(record(dnsQuery("bad.com")), context).findings;
    const misp = { ...finding?.misp, match: { observable: "bad.com" } };
    const copied = { ...ENVELOPE, location: "/var/log/x->misp", data: { integration: "misp", misp } };
    assert.deepEqual(handleRecord(record(copied), context).confirmed, []);
  });

  it("turns what is no alert into a dead letter with its bytes and reason", () => {
    for (const text of ["{broken", "[1,2]", "42", '"x"', "", '{"a":"\u0000']) {
      const { deadLetters, findings } = handleRecord({ bytes: Buffer.from(text), origin: "f:1" }, context);
      assert.equal(findings.length, 0);
      assert.equal(deadLetters.length, 1, text);
      assert.equal(deadLetters[0]?.text ?? Buffer.from(deadLetters[0]?.base64 ?? "", "base64").toString(), text);
      assert.ok((deadLetters[0]?.reason.length ?? 0) > 5);
    }
    const invalid = handleRecord({ bytes: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), origin: "f:1" }, context);
    assert.equal(invalid.deadLetters[0]?.base64, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]).toString("base64"));
  });
});

describe("mail from a listed domain", () => {
  const event = { ...ENVELOPE, data: { from: "boss@mail.bad.com" } };

  it("matches the domain indicator, naming the address that was seen", () => {
    const { finding } = judge(event, aGeneration([anIndicator("domain", "bad.com")]));
    assert.equal(finding?.misp.value, "bad.com");
    assert.equal(finding?.misp.match?.kind, "domain");
    assert.equal(finding?.misp.match?.observable, "boss@mail.bad.com");
  });

  it("is not looked up at the user's own domain", () => {
    const own = { domains: [anIndicator("domain", "bad.com").value] };
    assert.equal(judge(event, aGeneration([anIndicator("domain", "bad.com")], { own })).finding, undefined);
  });
});

describe("assess: standing", () => {
  const alertTime = Date.parse("2026-11-21T21:45:50.015Z");
  const older = anIndicator("domain", "bad.com", { attributeUuid: "a-old", timestamp: 1, comment: "older" });
  const newer = anIndicator("domain", "bad.com", { attributeUuid: "a-new", timestamp: 2, toIds: false });
  const expiredUuids = (...uuids: readonly string[]) => ({
    expired: (_indicator: unknown, report: { readonly attributeUuid: string }, time: number) =>
      uuids.includes(report.attributeUuid) ? `${report.attributeUuid} at ${time}` : undefined,
  });

  it("leaves expired reports out of a match that has others, and keeps them beside it", () => {
    const generation = aGeneration([older, newer], { standing: expiredUuids("a-old") });
    const { assessment, finding } = judge(dnsQuery("bad.com"), generation);
    const [judged] = assessment.verdict?.matches ?? [];
    assert.deepEqual(
      judged?.match.reports.map(({ attributeUuid }) => attributeUuid),
      ["a-new"],
    );
    assert.deepEqual(judged?.expired, [{ report: older.report, reason: `a-old at ${alertTime}` }]);
    assert.deepEqual(judged?.suppressions, []);
    assert.ok(finding?.misp.reasons?.includes("+20 in MISP, but not to_ids"));
    assert.equal(finding?.misp.attribute_uuid, "a-new");
  });

  it("explains a match away when all its reports have expired, with the newest one's reason", () => {
    const generation = aGeneration([older, newer], { standing: expiredUuids("a-old", "a-new") });
    const { assessment, finding } = judge(dnsQuery("bad.com"), generation);
    const [judged] = assessment.verdict?.matches ?? [];
    assert.deepEqual(judged?.suppressions, [{ by: "policy", reason: `expired: a-new at ${alertTime}` }]);
    assert.equal(judged?.match.reports.length, 2);
    assert.equal(judged?.score, 0);
    assert.equal(assessment.verdict?.suppressed, true);
    assert.equal(finding?.misp.band, "benign");
    assert.equal(finding?.misp.warninglist, `policy: expired: a-new at ${alertTime}`);
  });

  it("lets a match in force lead before one that has expired", () => {
    const parent = anIndicator("domain", "cdn.bad.com", { attributeUuid: "a-in-force", toIds: false });
    const generation = aGeneration([older, parent], { standing: expiredUuids("a-old") });
    const { assessment, finding } = judge(dnsQuery("cdn.bad.com"), generation);
    assert.equal(assessment.verdict?.suppressed, false);
    assert.equal(finding?.misp.attribute_uuid, "a-in-force");
    assert.deepEqual(finding?.misp.others, [`domain bad.com (suppressed: expired: a-old at ${alertTime})`]);
  });

  it("lowers the score once by our own false positives, of the reports in force only", () => {
    const called = { falsePositive: () => alertTime - 86_400_000 };
    const clean = judge(dnsQuery("bad.com"), aGeneration([older, newer])).assessment.verdict?.score ?? 0;
    const marked = judge(dnsQuery("bad.com"), aGeneration([older, newer], { standing: called })).assessment.verdict;
    assert.equal(marked?.score, clean - 30);
    assert.equal(marked?.matches[0]?.reasons.filter(({ text }) => text.includes("false positive")).length, 1);
    assert.ok(marked?.matches[0]?.reasons.some(({ text }) => text.endsWith("by our organisation on 2026-11-20")));
    const onlyOld = {
      ...expiredUuids("a-old"),
      falsePositive: ({ attributeUuid }: { readonly attributeUuid: string }) =>
        attributeUuid === "a-old" ? alertTime : undefined,
    };
    const verdict = judge(dnsQuery("bad.com"), aGeneration([older, newer], { standing: onlyOld })).assessment.verdict;
    assert.ok(!verdict?.matches[0]?.reasons.some(({ text }) => text.includes("false positive")));
  });
});
