import { readdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { loadLines } from "./log-line.ts";
import { type DaemonUser, loadRules } from "./rule-loader.ts";

/** What `bin/wazuh-analysisd` and `bin/wazuh-control` of a fake installation run: `<role> <prefix> <version> [argument…]`. */

/** Daemons that `status` lists, with whether the sim has them running. */
const DAEMONS =
  "clusterd modulesd monitord logcollector remoted syscheckd analysisd maild execd db authd integratord apid".split(
    " ",
  );
const NOT_CONFIGURED = new Set(["clusterd", "maild"]);

/** Who the daemon is: the owner of what it owns. */
function daemonUser(prefix: string): DaemonUser {
  const { uid, gid } = statSync(join(prefix, "ruleset/rules"));
  return { uid, gid };
}

function analysisd(prefix: string, version: string, args: readonly string[]): number {
  if (args.includes("-V")) {
    process.stdout.write(`\nWazuh ${version} - Wazuh Inc.\n`);
    return 0;
  }
  if (!args.includes("-t")) {
    process.stderr.write("wazuh-analysisd: the sim's daemon runs in the test; only -t works here\n");
    return 1;
  }
  const { messages, ok } = loadRules(prefix, daemonUser(prefix));
  process.stderr.write(loadLines(messages));
  return ok ? 0 : 1;
}

async function control(prefix: string, version: string, [command = ""]: readonly string[]): Promise<number> {
  if (command === "info") {
    process.stdout.write(`WAZUH_VERSION="${version}"\nWAZUH_REVISION="rc1"\nWAZUH_TYPE="server"\n`);
    return 0;
  }
  if (command === "status") return status(prefix);
  if (!["start", "stop", "restart", "reload"].includes(command)) {
    process.stderr.write(`Usage: wazuh-control {start|stop|restart|reload|status|info [-v -r -t]}\n`);
    return 1;
  }
  if (command !== "stop" && analysisd(prefix, version, ["-t"]) !== 0) {
    process.stdout.write("wazuh-analysisd: Configuration error. Exiting\n");
    return 1;
  }
  const answer = await ask(join(prefix, "var/run/sim.sock"), command);
  process.stdout.write(answer === "ok" ? lines(command, version) : `wazuh-control: ${answer}\n`);
  return answer === "ok" ? 0 : 1;
}

function lines(command: string, version: string): string {
  const stopped = `Killing wazuh-analysisd...\nWazuh ${version} Stopped\n`;
  const started = `Starting Wazuh ${version}...\nStarted wazuh-analysisd...\nCompleted.\n`;
  return `${command === "start" ? "" : stopped}${command === "stop" ? "" : started}`;
}

function status(prefix: string): number {
  const pids = readdirSync(join(prefix, "var/run"));
  let down = 0;
  for (const daemon of DAEMONS) {
    const running = pids.some((name) => {
      const pid = new RegExp(`^wazuh-${daemon}-(\\d{1,10})\\.pid$`).exec(name)?.[1];
      return pid !== undefined && isAlive(Number(pid));
    });
    if (!running && !NOT_CONFIGURED.has(daemon)) down = 1;
    process.stdout.write(`wazuh-${daemon} ${running ? "is running..." : "not running..."}\n`);
  }
  return down;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function ask(path: string, command: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(path, () => socket.write(`${command}\n`));
    socket.on("data", (bytes) => {
      answer += String(bytes);
    });
    socket.on("error", (error) => resolve(`the sim does not run: ${error.message}`));
    socket.on("close", () => resolve(answer.trim()));
  });
}

const [role, prefix = "", version = "", ...args] = process.argv.slice(2);
process.exitCode = role === "analysisd" ? analysisd(prefix, version, args) : await control(prefix, version, args);
