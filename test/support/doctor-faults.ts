import assert from "node:assert/strict";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DoctorOptions } from "../../src/app/doctor.ts";
import type { ByHand } from "./doctor-cure.ts";
import { type DoctorRig, told } from "./doctor-rig.ts";
import { tipline } from "./line-process.ts";
import { ADMIN_KEY } from "./misp-sim/defaults.ts";

/** Something broken in a healthy installation, and the one hop that must be named for it. */
export interface Fault {
  readonly what: string;
  readonly hop: string;
  readonly status?: "fail" | "warn" | "unseen";
  readonly found: RegExp;
  /** Breaks it. */
  inject(rig: DoctorRig): unknown;
  /** What doctor is told beside the configuration: a clock, a disk. */
  readonly options?: (rig: DoctorRig) => Partial<DoctorOptions>;
  /** For the part of the remedy that is left to the reader. */
  readonly byHand?: ByHand;
  /** Undoes it where the remedy is outside of the installation. */
  readonly undo?: ByHand;
}

const HOUR_MS = 3_600_000;
const FULL = { bytes: 12_000, allBytes: 2 ** 40, inodes: 10 ** 6, allInodes: 10 ** 6 };
const NO_INODES = { bytes: 2 ** 39, allBytes: 2 ** 40, inodes: 3, allInodes: 10 ** 6 };

/** Tipline, its host, and MISP. */
export const LINE_FAULTS: readonly Fault[] = [
  {
    what: "an unknown key in the configuration",
    hop: "configuration",
    found: /unknown key/,
    inject: (rig) => rig.configure({ sink: {} }),
    byHand: (rig) => rig.configure({}),
  },
  {
    what: "the configuration may not be read",
    hop: "configuration",
    found: /may not read .*tipline\.yaml/,
    inject: (rig) => chmodSync(rig.configPath, 0o200),
    // Whom nobody knows as the service is told to look as root.
    ...(process.getuid?.() === 0 ? {} : { status: "unseen", found: /may not be read by/, undo: readableAgain }),
  },
  {
    what: "the key file is gone",
    hop: "secrets",
    found: /feeds\.main\.key_file: .* is not there/,
    inject: (rig) => rmSync(rig.keyFile),
  },
  {
    what: "the key file may not be read",
    hop: "secrets",
    found: /may not read .*misp\.key/,
    inject: (rig) => chmodSync(rig.keyFile, 0o200),
  },
  {
    what: "others may read the key file",
    hop: "misp main",
    status: "warn",
    found: /can be read by other users/,
    inject: (rig) => chmodSync(rig.keyFile, 0o644),
  },
  {
    what: "MISP does not answer",
    hop: "misp main",
    found: /\S/,
    inject: (rig) => {
      rig.mispDown = true;
    },
    byHand: async (rig) => {
      const closer = await tipline(["doctor", "misp", "--config", rig.configPath]);
      assert.equal(closer.code, 1);
      rig.mispDown = false;
    },
  },
  {
    what: "a key that MISP does not know",
    hop: "misp main",
    found: /key/i,
    inject: (rig) => runOnKey(rig, "x".repeat(40)),
  },
  {
    what: "an administrator's key",
    hop: "misp main",
    status: "warn",
    found: /and more: site admin/,
    inject: (rig) => runOnKey(rig, ADMIN_KEY),
    // A key of another user is made in MISP.
    byHand: () => undefined,
  },
  {
    what: "nothing runs",
    hop: "run",
    found: /no Tipline runs on .*: no alert is read/,
    inject: (rig) => rig.stopRun(),
  },
  {
    what: "the state folder may not be written to",
    hop: "state folder",
    found: /may not write to .*state/,
    inject: (rig) => chmodSync(rig.stateDir, 0o500),
  },
  {
    what: "a full disk",
    hop: "disk",
    found: /free/,
    inject: () => undefined,
    options: (rig) => ({ room: (path) => (path === rig.stateDir ? FULL : undefined) }),
  },
  {
    what: "no inodes left",
    hop: "disk",
    found: /3 inodes \(0%\)/,
    inject: () => undefined,
    options: () => ({ room: () => NO_INODES }),
  },
];

/** The manager, its alerts and its queue. */
export const MANAGER_FAULTS: readonly Fault[] = [
  {
    what: "the manager's folder is elsewhere",
    hop: "installation",
    found: /cannot find its etc\/ossec\.conf/,
    inject: () => undefined,
    options: () => ({ prefix: "/nonexistent/ossec" }),
    byHand: async (rig) => assert.deepEqual(told(await rig.doctor({ prefix: rig.sim.prefix })), []),
  },
  {
    what: "ossec.conf cannot be parsed",
    hop: "ossec.conf",
    found: /ossec\.conf:\d+: /,
    inject: (rig) => change(rig.sim.paths.ossecConf, (text) => text.replace("</global>", "</globe>")),
    byHand: (rig) => change(rig.sim.paths.ossecConf, (text) => text.replace("</globe>", "</global>")),
  },
  {
    what: "JSON output is off",
    hop: "JSON output",
    found: /no alert is written to alerts\.json/,
    inject: async (rig) => {
      setTag(rig.sim.paths.ossecConf, "jsonout_output", "no");
      await rig.sim.restart();
    },
  },
  {
    what: "wazuh-analysisd is down",
    hop: "analysisd",
    found: /nobody listens/,
    inject: (rig) => rig.sim.stop(),
  },
  {
    what: "wazuh-analysisd is down and its sockets are gone",
    hop: "analysisd",
    found: /is not there/,
    inject: (rig) => rig.sim.stop({ removeSockets: true }),
  },
  {
    what: "the queue socket is not for us",
    hop: "queue socket",
    found: /may not write .*queue/,
    inject: (rig) => chmodSync(rig.sim.paths.queueSocket, sharesUser(rig) ? 0o400 : 0o600),
  },
  {
    what: "alerts.json is not for us",
    hop: "alerts.json",
    found: /may not read .*alerts\.json/,
    inject: (rig) => chmodSync(rig.sim.paths.alertsJson, sharesUser(rig) ? 0o200 : 0o600),
  },
  {
    what: "alerts.json was removed",
    hop: "alerts.json",
    found: /is not there though wazuh-analysisd runs/,
    inject: (rig) => rmSync(rig.sim.paths.alertsJson),
  },
  {
    what: "Tipline follows a copy of alerts.json",
    hop: "paths",
    found: /sources\.wazuh\.path is .*copy\.json, but the manager writes its alerts to/,
    inject: (rig) => {
      const copy = join(rig.dir, "copy.json");
      writeFileSync(copy, "");
      return rig.runOn({ sources: { wazuh: { type: "wazuh-alerts", path: copy } } });
    },
  },
  {
    what: "the sink sends to another socket",
    hop: "paths",
    found: /sinks\.wazuh\.socket is/,
    inject: (rig) => rig.runOn({ sinks: { wazuh: { type: "wazuh", socket: join(rig.dir, "queue") } } }),
  },
  {
    what: "the alerts' clock is an hour ahead",
    hop: "clock",
    found: /in the future/,
    inject: (rig) => rig.prove(),
    options: () => ({ now: () => Date.now() - HOUR_MS }),
    // Its remedy would set the clock of the host that the test runs on.
    undo: () => undefined,
  },
];

/** A line that was started with that key. */
async function runOnKey(rig: DoctorRig, key: string): Promise<void> {
  writeFileSync(rig.keyFile, `${key}\n`);
  await rig.stopRun();
  await rig.startRun();
}

function readableAgain(rig: DoctorRig): void {
  chmodSync(rig.configPath, 0o600);
}

/** The test, and so Tipline, is the daemon's own user: then the owner's bit is what lets it in. */
function sharesUser(rig: DoctorRig): boolean {
  return rig.sim.user.uid === (process.getuid?.() ?? 0);
}

export function change(path: string, edit: (text: string) => string): void {
  const before = readFileSync(path, "latin1");
  const after = edit(before);
  if (after === before) throw new Error(`nothing to change in ${path}`);
  writeFileSync(path, after, "latin1");
}

export function setTag(path: string, tag: string, value: string): void {
  change(path, (text) => text.replace(new RegExp(`<${tag}>[^<]*</${tag}>`), `<${tag}>${value}</${tag}>`));
}
