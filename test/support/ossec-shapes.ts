/** `ossec.conf` as it stands in the field: one text for each way in which it differs from the stock one. */
export const SHAPES: Readonly<Record<string, string | Buffer>> = {
  stock: conf(),
  "two roots": `${conf()}\n<ossec_config>\n  <localfile>\n    <log_format>syslog</log_format>\n    <location>/var/log/kern.log</location>\n  </localfile>\n</ossec_config>\n`,
  "comments that hold tags": conf({
    extra: `  <!-- <integration>\n    <name>custom-tipline</name>\n  </integration> -->\n  <!-- </ossec_config> not yet -->\n  <! an old comment <ruleset> !>\n`,
    after: "<!-- </ossec_config> trailing -->\n",
  }),
  "bare ampersand and angle": conf({
    extra: `  <localfile>\n    <log_format>full_command</log_format>\n    <command>ps aux | grep \\<defunct> && echo a & b</command>\n    <alias>R&D</alias>\n  </localfile>\n`,
  }),
  "carriage returns": conf().replaceAll("\n", "\r\n"),
  "no newline at the end": conf().trimEnd(),
  "one line": conf().replace(/>\s+</g, "><").trim(),
  "integrations there": conf({
    extra: `  <integration>\n    <name>slack</name>\n    <hook_url>https://hooks.example.org/services/T000/B000/XXXX</hook_url>\n    <level>10</level>\n    <alert_format>json</alert_format>\n  </integration>\n\n  <integration>\n    <name>virustotal</name>\n    <api_key>0123456789abcdef</api_key>\n    <group>syscheck</group>\n  </integration>\n`,
  }),
  "ruleset with excludes and includes": conf({
    ruleset: `    <decoder_dir>ruleset/decoders</decoder_dir>\n    <rule_dir>ruleset/rules</rule_dir>\n    <rule_exclude>0215-policy_rules.xml</rule_exclude>\n    <rule_exclude>0560-docker_integration_rules.xml</rule_exclude>\n    <list>etc/lists/audit-keys</list>\n    <rule_include>etc/rules/local_rules.xml</rule_include>`,
  }),
  "tabs, attributes over lines and no JSON output": conf({ json: "no" })
    .replaceAll("  ", "\t")
    .replace('<wodle name="syscollector">', "<wodle\n\t\tname='syscollector'\n\t>"),
  "bytes of another encoding": Buffer.concat([
    Buffer.from([0xef, 0xbb, 0xbf]),
    Buffer.from(conf({ extra: "  <!-- Z\u00fcrich -->\n" }), "latin1"),
    Buffer.from([0x0c, 0x0a]),
  ]),
  "closing tag behind other things": conf()
    .replace("\n</ossec_config>", " </ossec_config>")
    .replace("  </ruleset>\n", "</ruleset>"),
  "nothing but empty elements": "<ossec_config>\n  <global/>\n  <ruleset />\n</ossec_config>\n",
};

/** What Wazuh could not read either, and what the message must name. */
export const DAMAGED: Readonly<Record<string, readonly [text: string | Buffer, says: RegExp]>> = {
  unclosed: [conf().replace("</ruleset>", ""), /ossec\.conf:\d+: <ruleset>.*is not closed/],
  "cut off": [conf().slice(0, 400), /ossec\.conf:\d+: <\w+> is not closed/],
  empty: ["", /expected at least one <ossec_config>, found none/],
  binary: [Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0, 1]), /found binary data/],
  huge: [`<ossec_config>${"<!-- padding -->\n".repeat(1_000_000)}</ossec_config>`, /larger than/],
  "an agent's": [
    "<ossec_config>\n  <client>\n    <server>\n      <address>10.0.0.1</address>\n    </server>\n  </client>\n</ossec_config>\n",
    /ossec\.conf:2: expected a manager's configuration, found an agent's/,
  ],
  "another root": ["<agent_config>\n</agent_config>\n", /expected <ossec_config>, found <agent_config>/],
  "an open comment": [`${conf()}<!-- and then`, /a comment is not closed/],
  "deep nesting": [`<ossec_config>${"<a>".repeat(2000)}`, /nested deeper than/],
};

interface Parts {
  readonly extra?: string;
  readonly after?: string;
  readonly json?: string;
  readonly ruleset?: string;
}

function conf({ extra = "", after = "", json = "yes", ruleset }: Parts = {}): string {
  return `<!--
  Made for tests, in the shape of a manager's configuration.
  https://example.org/?a=1&b=2
-->

<ossec_config>
  <global>
    <jsonout_output>${json}</jsonout_output>
    <alerts_log>yes</alerts_log>
    <logall>no</logall>
    <email_notification>no</email_notification>
  </global>

  <alerts>
    <log_alert_level>3</log_alert_level>
    <email_alert_level>12</email_alert_level>
  </alerts>

  <wodle name="syscollector">
    <disabled>no</disabled>
    <interval>1h</interval>
  </wodle>

  <!--
  <active-response>
    active-response options here
  </active-response>
  -->
${extra}
  <global>
    <white_list>127.0.0.1</white_list>
    <white_list>^localhost.localdomain$</white_list>
  </global>

  <ruleset>
${
  ruleset ??
  `    <!-- Default ruleset -->
    <decoder_dir>ruleset/decoders</decoder_dir>
    <rule_dir>ruleset/rules</rule_dir>
    <rule_exclude>0215-policy_rules.xml</rule_exclude>
    <list>etc/lists/audit-keys</list>

    <!-- User-defined ruleset -->
    <decoder_dir>etc/decoders</decoder_dir>
    <rule_dir>etc/rules</rule_dir>`
}
  </ruleset>

</ossec_config>
${after}`;
}
