import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { applySplices, readOssecConf } from "../../../../src/setup/wazuh/ossec-conf.ts";
import {
  addIntegration,
  addToSection,
  type ConfEdit,
  editConf,
  removeIntegration,
  setOption,
} from "../../../../src/setup/wazuh/ossec-conf-edit.ts";

const edit = (text: string, ...edits: ConfEdit[]) => editConf(text, edits).text;
const json = setOption("global", "jsonout_output", "yes", "json");

describe("readOssecConf", () => {
  it("reads all roots as one, the last value counting", () => {
    const conf = readOssecConf(
      "<ossec_config><global><a>1</a></global></ossec_config><ossec_config><global><a>2</a></global></ossec_config>",
    );
    assert.deepEqual(
      conf.all("global", "a").map(({ text }) => text),
      ["1", "2"],
    );
    assert.equal(conf.last("global", "a"), "2");
    assert.equal(conf.last("global", "b"), undefined);
    assert.deepEqual(conf.all("constructor", "__proto__"), []);
  });
});

describe("edits of ossec.conf", () => {
  it("sets the value that counts, where it stands", () => {
    const text =
      "<ossec_config>\n <global>\n  <jsonout_output>no</jsonout_output>\n </global>\n <global>\n  <jsonout_output>no</jsonout_output> <!-- x -->\n </global>\n</ossec_config>\n";
    assert.equal(edit(text, json), text.replace(/no(<\/jsonout_output> <!--)/, "yes$1"));
    assert.equal(edit(edit(text, json), json), edit(text, json));
  });

  it("adds an option to its section, and the section where there is none, indented as the file is", () => {
    assert.equal(
      edit("<ossec_config>\n\t<global>\n\t\t<logall>no</logall>\n\t</global>\n</ossec_config>\n", json),
      "<ossec_config>\n\t<global>\n\t\t<logall>no</logall>\n\t\t<jsonout_output>yes</jsonout_output>\n\t</global>\n</ossec_config>\n",
    );
    assert.equal(
      edit("<ossec_config>\n</ossec_config>\n", json),
      "<ossec_config>\n  <global>\n    <jsonout_output>yes</jsonout_output>\n  </global>\n</ossec_config>\n",
    );
  });

  it("opens an empty element", () => {
    assert.equal(
      edit(
        "<ossec_config>\n  <global />\n  <ruleset/>\n</ossec_config>\n",
        json,
        addToSection("ruleset", "rule_include", "etc/rules/x.xml", "x"),
      ),
      "<ossec_config>\n  <global><jsonout_output>yes</jsonout_output></global>\n  <ruleset><rule_include>etc/rules/x.xml</rule_include></ruleset>\n</ossec_config>\n",
    );
    assert.equal(
      edit("<ossec_config><global><jsonout_output/></global></ossec_config>", json),
      "<ossec_config><global><jsonout_output>yes</jsonout_output></global></ossec_config>",
    );
  });

  it("adds an integration once, and takes every one of that name away again", () => {
    const text = "<ossec_config>\n  <global>\n  </global>\n</ossec_config>\n";
    const add = addIntegration("custom-tipline", ["<level>3</level>"], "hook");
    const added = edit(text, add, add);
    assert.match(
      added,
      /\n {2}<integration>\n {4}<name>custom-tipline<\/name>\n {4}<level>3<\/level>\n {2}<\/integration>\n<\/ossec_config>\n$/,
    );
    assert.equal(edit(added, removeIntegration("custom-tipline", "x")), text);
    const other = added.replace("custom-tipline</name>", "custom-other</name>");
    assert.equal(edit(other, removeIntegration("custom-tipline", "x")), other);
  });

  it("never lets splices overlap, and keeps the order of those at one place", () => {
    assert.throws(
      () =>
        applySplices("abcdef", [
          { start: 1, end: 3, text: "" },
          { start: 2, end: 4, text: "" },
        ]),
      /overlaps/,
    );
    assert.throws(() => applySplices("abc", [{ start: 2, end: 9, text: "" }]), /leaves the text/);
    assert.equal(
      applySplices("ab", [
        { start: 1, end: 1, text: "1" },
        { start: 1, end: 1, text: "2" },
        { start: 0, end: 1, text: "" },
      ]),
      "12b",
    );
  });
});
