import { chmodSync, chownSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { change, type Fault, setTag } from "./doctor-faults.ts";
import type { DoctorRig } from "./doctor-rig.ts";

/** Rules that stay silent, one fault for each reason of the field's. */
export const RULE_FAULTS: readonly Fault[] = [
  {
    what: "the rules file was never installed",
    hop: "rules file",
    found: /no rule 100622 in/,
    inject: (rig) => rmSync(ours(rig)),
  },
  {
    what: "the rules file is excluded",
    hop: "rules file",
    found: /ossec\.conf does not have it loaded/,
    inject: (rig) =>
      change(rig.sim.paths.ossecConf, (text) =>
        text.replace("</ruleset>", "  <rule_exclude>tipline_rules.xml</rule_exclude>\n  </ruleset>"),
      ),
  },
  {
    what: "etc/rules is not loaded",
    hop: "rules file",
    found: /ossec\.conf does not have it loaded/,
    inject: (rig) => change(rig.sim.paths.ossecConf, (text) => text.replace("<rule_dir>etc/rules</rule_dir>", "")),
  },
  {
    what: "the rules file is root's alone",
    hop: "rules readable",
    found: /warns \(1103\) and goes on without these rules/,
    inject: (rig) => {
      if (process.getuid?.() === 0) chownSync(ours(rig), 0, 0);
      chmodSync(ours(rig), process.getuid?.() === 0 ? 0o600 : 0o260);
    },
  },
  {
    what: "the rules file is cut short",
    hop: "rules XML",
    found: /tipline_rules\.xml: .*is not closed/,
    inject: (rig) => change(ours(rig), (text) => text.slice(0, text.indexOf("</group>"))),
  },
  {
    what: "another rules file is broken",
    hop: "rules XML",
    found: /etc\/rules\/local_rules\.xml/,
    inject: (rig) => change(local(rig), (text) => `${text}\n<group name="broken,">`),
    byHand: (rig) => change(local(rig), (text) => text.replace('\n<group name="broken,">', "")),
  },
  {
    what: "the community's rules are there as well",
    hop: "duplicate ids",
    found: /etc\/rules\/misp\.xml has 100620, 100621, 100622 as well/,
    inject: (rig) => put(rig, "misp.xml", COMMUNITY),
  },
  {
    what: "the parent is gone",
    hop: "rule parents",
    found: /rule 10062\d .* hangs on 100620, which is nowhere/,
    inject: (rig) => change(ours(rig), (text) => text.replace(PARENT, "")),
  },
  {
    what: "a child stands before its parent",
    hop: "rule order",
    found: /rule 10062\d .* is read before its parent 100620/,
    inject: (rig) =>
      change(ours(rig), (text) => {
        const parent = PARENT.exec(text)?.[0] ?? "";
        return `${text.replace(PARENT, "")}\n<group name="late,">${parent}</group>\n`;
      }),
  },
  {
    what: "the parent has level 2",
    hop: "rule levels",
    found: /100620 has level 2 .* loses to rule 1002/,
    inject: (rig) =>
      change(ours(rig), (text) => text.replace('<rule id="100620" level="0">', '<rule id="100620" level="2">')),
  },
  {
    what: "a rule of the user's overwrites 100622 with level 0",
    hop: "rule levels",
    found: /100622 has level 0 \(etc\/rules\/zz_own\.xml:1\): nothing is alerted/,
    inject: (rig) => put(rig, "zz_own.xml", OVERWRITE),
  },
  {
    what: "a file with other rules overwrites 100622 with level 0",
    hop: "rule levels",
    found: /100622 has level 0 \(etc\/rules\/zz_own\.xml:2\): nothing is alerted/,
    inject: (rig) => put(rig, "zz_own.xml", rule(100950, 3, "<match>never to be seen</match>") + OVERWRITE),
  },
  {
    what: "a rule of the user's overwrites 100622 with a test that findings do not pass",
    hop: "logtest",
    found: /a finding fires rule 100634 .* instead of rule 100622/,
    inject: (rig) => put(rig, "zz_own.xml", OVERWRITE.replace('"0"', '"12"').replace("\\.+", "never")),
  },
  {
    what: "a rule of level 0 takes every event of an integration",
    hop: "swallowing rules",
    found: /rule 100910, level 0 \(etc\/rules\/a_json\.xml:1\) takes our events/,
    inject: (rig) =>
      put(rig, "a_json.xml", rule(100910, 0, '<decoded_as>json</decoded_as><field name="integration">\\.+</field>')),
  },
  swallowing(
    "domains",
    'name="misp.type">domain',
    /takes our events before rule 100622 is tried: a finding of a domain$/,
  ),
  swallowing("amber", 'name="misp.tlp">amber', /takes our events before rule 100622 is tried: a finding of a domain$/),
  swallowing("errors", 'name="misp.error">\\.+', /takes our events before rule 100621 is tried: an error$/),
  swallowing(
    "canaries",
    'name="tipline_canary.id">\\.+',
    /takes our events before rule 100629 is tried: a canary on its way$/,
  ),
  swallowing("an event", 'name="misp.event_id">^4711$', /have what it looks for \(misp\.event_id\)/, "warn"),
  {
    what: "two rules of one file, read before ours",
    hop: "swallowing rules",
    found:
      /rule 100912, level 0 \(\S+\) takes .*: a finding of a URL; rule 100913, level 0 \(\S+\) takes .*: an error$/,
    inject: puts(
      "a_two.xml",
      rule(100912, 0, '<field name="misp.type">url</field>'),
      rule(100913, 0, '<field name="misp.error">\\.+</field>'),
    ),
  },
  {
    what: "two siblings of 100622, and nothing else in their file",
    hop: "swallowing rules",
    found:
      /rule 100914, level 0 \(\S+\) takes .*: a finding of a URL; rule 100915, level 13 \(\S+\) takes those .* \(misp\.tlp\)/,
    inject: puts(
      "zz_two.xml",
      rule(100914, 0, '<if_sid>100620</if_sid><field name="misp.type">url</field>'),
      rule(100915, 13, '<if_sid>100620</if_sid><field name="misp.tlp">strict</field>'),
    ),
  },
  {
    what: "a sibling of 100622 of level 0, among other rules",
    hop: "swallowing rules",
    found: /rule 100911, level 0 \(etc\/rules\/zz_own\.xml:2\) takes our events .*: a finding of a URL$/,
    inject: puts(
      "zz_own.xml",
      rule(100950, 3, "<match>never to be seen</match>"),
      rule(100911, 0, '<if_sid>100620</if_sid><field name="misp.type">^url$</field>'),
    ),
  },
  {
    what: "a rule of the user's counts matches by their group",
    hop: "counting rules",
    status: "warn",
    found:
      /rule 100930 \(etc\/rules\/zz_count\.xml:1\) counts the group misp_alert and never gets an event of rule 100622/,
    inject: (rig) => put(rig, "zz_count.xml", counter("<if_matched_group>misp_alert</if_matched_group>")),
  },
  {
    what: "log_alert_level is above a match",
    hop: "alert level",
    found: /a match \(rule 100622, level 12\) is not written/,
    inject: (rig) => setTag(rig.sim.paths.ossecConf, "log_alert_level", "13"),
  },
  {
    what: "log_alert_level hides what Tipline should see",
    hop: "alert level",
    status: "warn",
    found: /alerts below, logins among them, are never seen/,
    inject: (rig) => setTag(rig.sim.paths.ossecConf, "log_alert_level", "7"),
  },
  {
    what: "a pattern that never matches",
    hop: "logtest",
    found: /a finding fires rule 100634 .* instead of rule 100622/,
    inject: (rig) =>
      change(ours(rig), (text) =>
        text.replace('<field name="misp.category">\\.+</field>', '<field name="misp.category">.+</field>'),
      ),
  },
  {
    what: "a test that hashes do not pass",
    hop: "logtest",
    found: /a finding of a file's hash fires rule 100634 .* instead of rule 100622/,
    inject: (rig) => change(ours(rig), (text) => text.replace('"misp.category">\\.+<', '"misp.category">^Network<')),
  },
  {
    what: "a test that errors do not pass",
    hop: "logtest",
    found: /an error fires rule 100634 .* instead of rule 100621/,
    inject: (rig) => change(ours(rig), (text) => text.replace('"misp.error">\\.+<', '"misp.error">.+<')),
  },
  {
    what: "a test that canaries do not pass",
    hop: "logtest",
    found: /a canary on its way fires rule 100630 .* instead of rule 100629/,
    inject: (rig) =>
      change(ours(rig), (text) =>
        text.replace("<if_sid>100630</if_sid>", "<if_sid>100630</if_sid><match>never</match>"),
      ),
  },
  {
    what: "logtest is switched off",
    hop: "logtest",
    status: "unseen",
    found: /switched off in ossec\.conf \(<rule_test>\)/,
    inject: (rig) => change(rig.sim.paths.ossecConf, (text) => text.replace(/(<rule_test>\s*<enabled>)yes/, "$1no")),
  },
  {
    what: "a rule of the user's below 100622 silences domains",
    hop: "logtest",
    status: "warn",
    found: /a finding of a domain fires rule 100940 \(level 0\).* no alert is written of it/,
    inject: (rig) =>
      put(rig, "zz_quiet.xml", rule(100940, 0, '<if_sid>100622</if_sid><field name="misp.type">domain</field>')),
  },
  {
    what: "a rule of the user's below 100622 silences everything",
    hop: "logtest",
    found: /a finding fires rule 100941 \(level 0\).* no alert is written of it/,
    inject: (rig) => put(rig, "zz_quiet.xml", rule(100941, 0, "<if_sid>100622</if_sid>")),
  },
  {
    what: "a location test that agents do not pass",
    hop: "logtest",
    found: /instead of rule 100622/,
    inject: (rig) =>
      change(ours(rig), (text) =>
        text.replace(/<location type="pcre2">[^<]*<\/location>/, '<location type="pcre2">^misp$</location>'),
      ),
  },
];

const PARENT = /\s*<rule id="100620"[\s\S]*?<\/rule>/;
const ours = (rig: DoctorRig): string => join(rig.sim.paths.localRules, "tipline_rules.xml");
const local = (rig: DoctorRig): string => join(rig.sim.paths.localRules, "local_rules.xml");

export function rule(id: number, level: number, conditions: string): string {
  return `<group name="own,"><rule id="${id}" level="${level}">${conditions}<description>own</description></rule></group>\n`;
}

/** A rule that counts matches within an hour. */
export function counter(counted: string): string {
  return `<group name="own,"><rule id="100930" level="13" frequency="9" timeframe="3600">${counted}<description>own</description></rule></group>\n`;
}

/** One that takes events of ours because of one field, tried before our parents. */
function swallowing(what: string, field: string, found: RegExp, status: "fail" | "warn" = "fail"): Fault {
  return {
    what: `a rule of level 0 takes ${what}`,
    hop: "swallowing rules",
    status,
    found,
    inject: (rig) => put(rig, "a_own.xml", rule(100910, 0, `<decoded_as>json</decoded_as><field ${field}</field>`)),
  };
}

const OVERWRITE =
  '<group name="own,"><rule id="100622" level="0" overwrite="yes"><if_sid>100620</if_sid><field name="misp.category">\\.+</field><description>own</description></rule></group>\n';

/** A rules file as the manager's user would have it. */
export function put(rig: DoctorRig, name: string, content: string): void {
  const path = join(rig.sim.paths.localRules, name);
  writeFileSync(path, content, { mode: 0o660 });
  if (process.getuid?.() === 0) chownSync(path, rig.sim.user.uid, rig.sim.user.gid);
}

/** A fault that is one file with these rules. */
function puts(name: string, ...rules: readonly string[]): (rig: DoctorRig) => void {
  return (rig) => put(rig, name, rules.join(""));
}

export const COMMUNITY = `<group name="misp,">
  <rule id="100620" level="10"><field name="integration">misp</field><description>MISP Events</description></rule>
  <rule id="100621" level="5"><if_sid>100620</if_sid><field name="misp.error">\\.+</field><description>MISP error</description></rule>
  <rule id="100622" level="12"><if_sid>100620</if_sid><field name="misp.category">\\.+</field><description>MISP IoC</description></rule>
</group>
`;
