/**
 * Rules of our own writing with the ids, levels, groups, parents and field names of Wazuh's stock ones: the templates, what
 * competes with JSON events, what the field's alerts come from. `file name → content`.
 */
export const STOCK_RULES: Readonly<Record<string, string>> = {
  "0010-rules_config.xml": [
    template(1, "syslog", "Generic template for all syslog rules."),
    template(2, "firewall", "Generic template for all firewall rules."),
    template(3, "ids", "Generic template for all ids rules."),
    template(4, "web-log", "Generic template for all web rules."),
    template(5, "squid", "Generic template for all web proxy rules."),
    template(6, "windows", "Generic template for all windows rules."),
    template(7, "ossec", "Generic template for all wazuh rules."),
  ].join("\n"),
  "0015-ossec_rules.xml": `<group name="ossec,">
${rule(550, 7, { decoded: "syscheck_integrity_changed", category: "ossec", text: "Integrity checksum changed.", groups: "syscheck,syscheck_entry_modified,syscheck_file,pci_dss_11.5," })}
${rule(553, 7, { decoded: "syscheck_deleted", category: "ossec", text: "File deleted.", groups: "syscheck,syscheck_entry_deleted,syscheck_file," })}
${rule(554, 5, { decoded: "syscheck_new_entry", category: "ossec", text: "File added to the system.", groups: "syscheck,syscheck_entry_added,syscheck_file," })}
</group>
`,
  "0020-syslog_rules.xml": `<var name="BAD_WORDS">core_dumped|failure|error|attack| bad |illegal |denied|refused|unauthorized|fatal|failed|Segmentation Fault|Corrupted</var>
<group name="syslog,errors,">
  <rule id="1002" level="2">
    <match>$BAD_WORDS</match>
    <description>Unknown problem somewhere in the system.</description>
    <group>gpg13_4.3,</group>
  </rule>
</group>
`,
  "0095-sshd_rules.xml": `<group name="syslog,sshd,">
  <rule id="5700" level="0" noalert="1">
    <decoded_as>sshd</decoded_as>
    <description>SSHD messages grouped.</description>
  </rule>
${rule(5710, 5, { parent: 5700, match: "illegal user|invalid user", text: "sshd: Attempt to login using a non-existent user", groups: "authentication_failed,invalid_login,pci_dss_10.2.4,gdpr_IV_35.7.d," })}
${rule(5715, 3, { parent: 5700, match: "^Accepted|authenticated.$", text: "sshd: authentication success.", groups: "authentication_success,gdpr_IV_32.2,pci_dss_10.2.5," })}
${rule(5716, 5, { parent: 5700, match: "^Failed|^error: PAM: Authentication", text: "sshd: authentication failed.", groups: "authentication_failed,gdpr_IV_35.7.d," })}
</group>
`,
  "0245-web_rules.xml": `<group name="web,accesslog,">
  <rule id="31100" level="0">
    <category>web-log</category>
    <description>Access log messages grouped.</description>
  </rule>
${rule(31101, 5, { parent: 31100, own: ["id", "^4"], text: "Web server 400 error code.", groups: "attack,pci_dss_6.5," })}
${rule(31108, 0, { parent: 31100, own: ["id", "^2|^3"], text: "Ignored URLs (simple queries)." })}
</group>
`,
  "0350-amazon_rules.xml": group("amazon,aws,", json(80200, [["integration", "aws"]], "AWS alert.")),
  "0392-fortimail_rules.xml": group(
    "fortimail,",
    rule(44698, 0, { fields: [["subtype", "^system$"]], text: "Fortimail system messages." }),
  ),
  "0475-suricata_rules.xml": group(
    "ids,suricata,",
    json(
      86600,
      [
        ["timestamp", "\\.+"],
        ["event_type", "\\.+"],
      ],
      "Suricata messages.",
    ),
    rule(86601, 3, {
      parent: 86600,
      fields: [["event_type", "^alert$"]],
      text: "Suricata: Alert - $(alert.signature)",
    }),
  ),
  "0490-virustotal_rules.xml": group(
    "virustotal,",
    json(87100, [["integration", "virustotal"]], "VirusTotal integration messages."),
  ),
  "0500-owncloud_rules.xml": group(
    "json,owncloud,",
    json(87300, [["@source", "ownCloud"]], "ownCloud messages grouped."),
  ),
  "0505-vuls_rules.xml": group("vuls,", json(22401, [["vuls.integration", "^\\.+$"]], "Vuls integration event.")),
  "0520-vulnerability-detector_rules.xml": group(
    "vulnerability-detector,gdpr_IV_35.7.d,",
    json(23501, [["vulnerability.cve", "\\.+"]], "List of vulnerabilities"),
    rule(23505, 10, {
      parent: 23501,
      fields: [["vulnerability.severity", "High"]],
      text: "$(vulnerability.cve) affects $(vulnerability.package.name)",
    }),
  ),
  "0530-mysql_audit_rules.xml": group("mysql_audit,", json(88000, [["mysql_audit_log", "\\.+"]], "MySQL audit log.")),
  "0560-docker_integration_rules.xml": group("docker,", json(87900, [["integration", "docker"]], "Docker alerts")),
  "0575-win-base_rules.xml": group(
    "windows,",
    rule(60000, 0, {
      decoded: "windows_eventchannel",
      category: "ossec",
      fields: [["win.system.providerName", "\\.+"]],
      text: "Group of windows rules.",
    }),
    rule(60001, 0, {
      parent: 60000,
      fields: [["win.system.channel", "^Security$"]],
      text: "Group of Windows rules for the Security channel.",
    }),
    rule(60004, 0, {
      parent: 60000,
      fields: [["win.system.channel", "^Microsoft-Windows-Sysmon/Operational$"]],
      text: "Group of Windows rules for the Sysmon channel.",
    }),
  ),
  "0595-win-sysmon_rules.xml": group(
    "windows,sysmon,",
    rule(61600, 0, {
      parent: 60004,
      fields: [["win.system.severityValue", "^INFORMATION$"]],
      text: "Windows Sysmon informational event.",
    }),
    ...([1, 2, 3, 4, 5, 6, 7, 8, 9] as const).map((event) => sysmon(61_602 + event, event, `sysmon_event${event}`)),
    ...([10, 11, 12, 13, 14, 15] as const).map((event) => sysmon(61_602 + event, event, `sysmon_event_${event}`)),
    sysmon(61_650, 22, "sysmon_event_22"),
  ),
  "0690-gcp_rules.xml": group("gcp,", json(65000, [["integration", "gcp"]], "GCP alert.")),
  "0750-github_rules.xml": group("github,git,", json(91100, [["integration", "github"]], "GitHub alert.")),
  "0755-office365_rules.xml": group("office365,", json(91531, [["integration", "office365"]], "Office 365 event.")),
  "0935-cloudflare-waf_rules.xml": group(
    "WAF,Cloudflare,",
    json(92501, [["WAFAction", "\\.+"]], "Cloudflare WAF event."),
  ),
  "0990-amazon-security-lake_rules.xml": group(
    "amazon_security_lake,",
    json(
      99000,
      [
        ["activity_id", "\\.+"],
        ["category_uid", "\\.+"],
      ],
      "Amazon Security Lake event.",
    ),
  ),
};

/** Decoders without an effect here but their names, which rules may ask for. */
export const STOCK_DECODERS: Readonly<Record<string, string>> = {
  "0006-json_decoders.xml": `<decoder name="json">
  <prematch>^{\\s*"</prematch>
  <plugin_decoder>JSON_Decoder</plugin_decoder>
</decoder>
`,
  "0310-ssh_decoders.xml": `<decoder name="sshd">
  <program_name>^sshd</program_name>
</decoder>
`,
  "0375-web-accesslog_decoders.xml": `<decoder name="web-accesslog">
  <type>web-log</type>
  <prematch>^\\S+ \\S+ \\S+ \\.*[</prematch>
</decoder>
`,
  "0380-windows_decoders.xml": `<decoder name="windows_eventchannel">
  <type>ossec</type>
</decoder>
`,
  "0040-auditd_decoders.xml": `<decoder name="auditd">
  <prematch>^type=</prematch>
</decoder>
`,
};

export const LOCAL_RULES = `<!-- Local rules -->

<!-- Modify it at your will. -->
<!-- Copyright (C) 2015, Wazuh Inc. -->

<!-- Example -->
<group name="local,syslog,sshd,">

  <!--
  Dec 10 01:02:02 host sshd[1234]: Failed none for root from 1.1.1.1 port 1066 ssh2
  -->
  <rule id="100001" level="5">
    <if_sid>5716</if_sid>
    <srcip>1.1.1.1</srcip>
    <description>sshd: authentication failed from IP 1.1.1.1.</description>
    <group>authentication_failed,pci_dss_10.2.4,pci_dss_10.2.5,</group>
  </rule>

</group>
`;

export const LOCAL_DECODERS = `<!-- Local Decoders -->

<decoder name="local_decoder_example">
  <program_name>local_decoder_example</program_name>
</decoder>
`;

interface RuleText {
  readonly decoded?: string;
  readonly category?: string;
  readonly parent?: number;
  readonly match?: string;
  readonly own?: readonly [string, string];
  readonly fields?: readonly (readonly [string, string])[];
  readonly groups?: string;
  readonly text: string;
}

function template(id: number, category: string, text: string): string {
  return `<group name="${category},">
  <rule id="${id}" noalert="1" level="0">
    <category>${category}</category>
    <description>${text}</description>
  </rule>
</group>
`;
}

function rule(id: number, level: number, parts: RuleText): string {
  const lines = [
    parts.decoded && `<decoded_as>${parts.decoded}</decoded_as>`,
    parts.category && `<category>${parts.category}</category>`,
    parts.parent && `<if_sid>${parts.parent}</if_sid>`,
    parts.match && `<match>${parts.match}</match>`,
    parts.own && `<${parts.own[0]}>${parts.own[1]}</${parts.own[0]}>`,
    ...(parts.fields ?? []).map(([name, pattern]) => `<field name="${name}">${pattern}</field>`),
    `<description>${parts.text}</description>`,
    parts.groups && `<group>${parts.groups}</group>`,
    level === 0 || parts.fields === undefined ? undefined : "<options>no_full_log</options>",
  ].filter((line) => line);
  return `  <rule id="${id}" level="${level}">\n    ${lines.join("\n    ")}\n  </rule>`;
}

function json(id: number, fields: readonly (readonly [string, string])[], text: string): string {
  return rule(id, 0, { decoded: "json", fields, text });
}

function sysmon(id: number, event: number, name: string): string {
  return rule(id, 0, {
    parent: 61_600,
    fields: [["win.system.eventID", `^${event}$`]],
    text: `Sysmon - Event ${event}`,
    groups: `${name},`,
  });
}

function group(name: string, ...rules: readonly string[]): string {
  return `<group name="${name}">\n${rules.join("\n")}\n</group>\n`;
}
