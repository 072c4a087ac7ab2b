import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { DoctorRig } from "./doctor-rig.ts";
import { tipline } from "./line-process.ts";

/** What a person does by hand where the remedy is no command: by the words that the remedy begins with. */
export type ByHand = (rig: DoctorRig) => void | Promise<void>;

/**
 * Does what a doctor's remedy says, to the letter: commands are run, lines of configurations are written. What a remedy leaves to
 * the reader (`correct FILE`) is `byHand`; what stands in brackets explains.
 */
export async function applyRemedy(rig: DoctorRig, remedy: string, byHand?: ByHand): Promise<void> {
  for (const step of remedy.replace(/ \([^()]*\)$/, "").split(/, then (?=\/|tipline|install|mv |stop and)| && /))
    await applyStep(rig, step, byHand);
}

async function applyStep(rig: DoctorRig, step: string, byHand: ByHand | undefined): Promise<void> {
  const inSection = /^in <(\w+)> of (\/\S+): (<(\w+)>.*>)$/.exec(step);
  if (inSection !== null) return writeInSection(inSection[2] ?? "", inSection[1] ?? "", inSection[3] ?? "");
  const rule = /^take rule (\d+) out of (\/\S+) \(line \d+, and its <group> if nothing is left in it\)$/.exec(step);
  if (rule !== null) return removeRule(rule[2] ?? "", rule[1] ?? "");
  const level = /^give rule (\d+) level (\d+) in (\/\S+) \(line \d+\)$/.exec(step);
  if (level !== null)
    return replaceText(level[3] ?? "", new RegExp(`(<rule id="${level[1]}" level=")\\d+`), `$1${level[2]}`);
  const instead = /^write (<.*>) for (<.*>) in (\/\S+) \(rule at line \d+\)$/.exec(step);
  if (instead !== null) return replaceText(instead[3] ?? "", instead[2] ?? "", instead[1] ?? "");
  const inFile = /^(?:at the end of <(\w+)> )?in (\/\S+): (<.*>)$/.exec(step);
  if (inFile !== null) return writeTag(inFile[2] ?? "", inFile[3] ?? "", inFile[1]);
  const takeOut = /^take (<.*>) \(line (\d+)\) out of (\/\S+)$/.exec(step);
  if (takeOut !== null) return removeText(takeOut[3] ?? "", takeOut[1] ?? "");
  const yaml = /^([a-z]+)\.([a-z]+)\.([a-z]+): (\/\S+)$/.exec(step);
  if (yaml !== null) return writeYaml(rig, [yaml[1] ?? "", yaml[2] ?? "", yaml[3] ?? ""], yaml[4] ?? "");
  if (step.startsWith("stop and start")) {
    await rig.stopRun();
    return rig.startRun();
  }
  if (/ DIR$/.test(step)) return left(rig, step, byHand);
  if (/^tipline run /.test(step)) return rig.startRun();
  if (step.startsWith("tipline ")) return command(step.slice("tipline ".length));
  if (/^(?:\/|chmod |mv |chown |install |chgrp |du |find )/.test(step))
    return shell(step, step.includes("/dev/stdin") ? rig.key : "");
  return left(rig, step, byHand);
}

async function left(rig: DoctorRig, step: string, byHand: ByHand | undefined): Promise<void> {
  if (byHand === undefined) throw new Error(`nobody knows how to do: ${step}`);
  await byHand(rig);
}

async function command(line: string): Promise<void> {
  const args = line.split(" ");
  if (args[0] === "install" && !args.includes("--config-file"))
    throw new Error(`expected --config-file, or it would write to /etc of this host: ${line}`);
  const { code, stdout, stderr } = await tipline(args[0] === "install" ? [...args, "--yes", "--no-user"] : args);
  if (code !== 0) throw new Error(`tipline ${line}: ${code}\n${stdout}\n${stderr}`);
}

function shell(line: string, input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", `cat | { ${line}; }`], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, NODE_TEST_CONTEXT: "" },
      timeout: 60_000,
    });
    let said = "";
    child.stdout.on("data", (bytes) => {
      said += String(bytes);
    });
    child.stderr.on("data", (bytes) => {
      said += String(bytes);
    });
    child.stdin.end(input);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${line}: ${code}\n${said}`))));
  });
}

/** `<tag>value</tag>` in the place of the last element of that name, or at the end of `section`. */
function writeTag(path: string, element: string, section: string | undefined): void {
  const text = readFileSync(path, "latin1");
  const tag = /^<(\w+)>/.exec(element)?.[1] ?? "";
  if (section !== undefined) {
    const added = text.replace(`</${section}>`, `  ${element}\n  </${section}>`);
    if (added === text) throw new Error(`${path} has no <${section}>`);
    writeFileSync(path, added, "latin1");
    return;
  }
  const old = [...text.matchAll(new RegExp(`<${tag}>[^<]*</${tag}>`, "g"))].at(-1);
  if (old === undefined) throw new Error(`${path} has no <${tag}>`);
  const changed = text.slice(0, old.index) + element + text.slice(old.index + old[0].length);
  writeFileSync(path, changed, "latin1");
}

/** The same within a section. */
function writeInSection(path: string, section: string, element: string): void {
  const tag = /^<(\w+)>/.exec(element)?.[1] ?? "";
  replaceText(path, new RegExp(`(<${section}>(?:(?!</${section}>)[\\s\\S])*)<${tag}>[^<]*</${tag}>`), `$1${element}`);
}

/** A group without rules keeps analysisd from starting. */
function removeRule(path: string, id: string): void {
  replaceText(path, new RegExp(`<rule id="${id}"[\\s\\S]*?</rule>`), "");
  const text = readFileSync(path, "latin1");
  writeFileSync(path, text.replace(/<group name="[^"]*">\s*<\/group>/g, ""), "latin1");
}

function removeText(path: string, element: string): void {
  replaceText(path, element, "");
}

function replaceText(path: string, what: string | RegExp, by: string): void {
  const text = readFileSync(path, "latin1");
  const changed = text.replace(what, by);
  if (changed === text) throw new Error(`${path} has no ${what}`);
  writeFileSync(path, changed, "latin1");
}

function writeYaml(rig: DoctorRig, [section, name, key]: readonly [string, string, string], value: string): void {
  if (!existsSync(rig.configPath)) throw new Error("no configuration");
  const config = JSON.parse(readFileSync(rig.configPath, "utf8")) as Record<
    string,
    Record<string, Record<string, unknown>>
  >;
  const entry = config[section]?.[name];
  if (entry === undefined) throw new Error(`no ${section}.${name}`);
  entry[key] = value;
  writeFileSync(rig.configPath, JSON.stringify(config));
}
