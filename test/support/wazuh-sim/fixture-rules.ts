/** Rules that tests of the sim load: the three that the field knows, guarded by location, and what a test adds to them. */
export const EVENT = JSON.stringify({
  integration: "misp",
  misp: { event_id: "241", category: "Network activity", type: "ip-dst", value: "8.8.8.8" },
});

export const PARENT = `<rule id="100620" level="0">
    <decoded_as>json</decoded_as>
    <field name="integration">^misp$</field>
    <location type="pcre2">(?:^|->)misp$</location>
    <description>MISP</description>
  </rule>`;

export const MATCH = `<rule id="100622" level="12">
    <if_sid>100620</if_sid>
    <field name="misp.category">\\.+</field>
    <description>MISP: $(misp.category): $(misp.value)</description>
    <group>misp_alert,</group>
    <options>no_full_log</options>
  </rule>`;

export const FAILURE = `<rule id="100621" level="5">
    <if_sid>100620</if_sid>
    <field name="misp.error">\\.+</field>
    <description>MISP: $(misp.error)</description>
    <group>misp_error,</group>
  </rule>`;

/** A file of these rules. */
export function rulesFile(...rules: readonly string[]): string {
  return `<group name="misp,">\n\n  ${rules.join("\n\n  ")}\n\n</group>\n`;
}

export const MISP_RULES = rulesFile(PARENT, FAILURE, MATCH);

/** `{"integration":"misp","misp":{…}}`, the members as JSON text. */
export const mispEvent = (members: string): string => `{"integration":"misp","misp":{${members}}}`;
