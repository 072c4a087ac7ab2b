import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../../../src/lib/package-root.ts";
import type { DaemonUser } from "./rule-loader.ts";
import { stockConf } from "./stock-conf.ts";
import { LOCAL_DECODERS, LOCAL_RULES, STOCK_DECODERS, STOCK_RULES } from "./stock-rules.ts";

export interface LayoutOptions {
  /** `4.14.7`; before 4.12 there is no VERSION.json. */
  readonly version: string;
  readonly user: DaemonUser;
  /** Content of etc/ossec.conf. */
  readonly conf?: string | undefined;
  /** Files of etc/rules beside local_rules.xml. */
  readonly rules?: Readonly<Record<string, string>> | undefined;
  readonly logLevel?: number | undefined;
  readonly logallJson?: boolean | undefined;
}

/** Lays a manager's folders and files into a prefix; what is there already stays. */
export function layOut(prefix: string, options: LayoutOptions): void {
  const { user, version } = options;
  const conf = options.conf ?? stockConf({ logLevel: options.logLevel ?? 3, logallJson: options.logallJson ?? false });
  const folder = (path: string, mode = 0o770) => {
    mkdirSync(join(prefix, path), { recursive: true });
    own(join(prefix, path), user, mode);
  };
  const file = (path: string, content: string, mode = 0o660) => {
    if (existsSync(join(prefix, path))) return;
    writeFileSync(join(prefix, path), content);
    own(join(prefix, path), user, mode);
  };
  own(prefix, user, 0o750);
  for (const path of FOLDERS) folder(path);
  file("etc/ossec.conf", conf);
  file("etc/client.keys", CLIENT_KEYS, 0o640);
  file("etc/internal_options.conf", "analysisd.decoder_order_size=256\nanalysisd.state_interval=5\n", 0o640);
  file("etc/local_internal_options.conf", "# local_internal_options.conf\n", 0o640);
  file(
    "etc/shared/default/agent.conf",
    "<agent_config>\n\n  <!-- Shared agent configuration here -->\n\n</agent_config>\n",
  );
  file("etc/rules/local_rules.xml", LOCAL_RULES);
  file("etc/decoders/local_decoder.xml", LOCAL_DECODERS);
  for (const [name, content] of Object.entries(STOCK_RULES)) file(`ruleset/rules/${name}`, content, 0o640);
  for (const [name, content] of Object.entries(STOCK_DECODERS)) file(`ruleset/decoders/${name}`, content, 0o640);
  for (const [name, content] of Object.entries(options.rules ?? {})) file(`etc/rules/${name}`, content);
  file("logs/ossec.log", "");
  file("bin/wazuh-analysisd", script("analysisd", version), 0o750);
  file("bin/wazuh-control", script("control", version), 0o750);
  file("integrations/slack", "#!/bin/sh\nexit 0\n", 0o750);
  const [major = 4, minor = 0] = version.split(".").map(Number);
  if (major > 4 || minor >= 12)
    file("VERSION.json", `${JSON.stringify({ version, stage: "rc1", commit: "0000000" }, null, 4)}\n`, 0o440);
}

const FOLDERS = [
  "active-response/bin",
  "bin",
  "etc/decoders",
  "etc/lists",
  "etc/rules",
  "etc/shared/default",
  "integrations",
  "logs/alerts",
  "logs/archives",
  "queue/sockets",
  "ruleset/decoders",
  "ruleset/rules",
  "var/run",
];

const CLIENT_KEYS = `001 web-01 10.0.0.5 ${"0".repeat(64)}\n002 win-01 any ${"1".repeat(64)}\n`;

/** Owner root where the test runs as root, else nobody changes hands; group and user the daemon's. */
function own(path: string, user: DaemonUser, mode: number): void {
  if (process.getuid?.() === 0) chownSync(path, user.uid, user.gid);
  chmodSync(path, mode);
}

/** Gives what was made below a folder to the daemon's user, as the daemon itself would have made it. */
export function ownTree(folder: string, user: DaemonUser): void {
  if (process.getuid?.() !== 0 || !existsSync(folder)) return;
  chownSync(folder, user.uid, user.gid);
  for (const name of readdirSync(folder, { recursive: true }))
    chownSync(join(folder, String(name)), user.uid, user.gid);
}

/** Finds its prefix by its own place, so that it works in a copy of the folder as well. */
function script(role: "analysisd" | "control", version: string): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const program = join(dirname(fileURLToPath(import.meta.url)), `binaries.${extension}`);
  const loaders = process.execArgv.filter(
    (arg, index, all) => /tsx/.test(arg) || (arg === "--import" && /tsx/.test(all[index + 1] ?? "")),
  );
  const words = [process.execPath, ...loaders, program].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return `#!/bin/sh
# Part of a fake installation made by tests.
VERSION="v${version}"
REVISION="rc1"
TYPE="server"
PREFIX=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
unset NODE_OPTIONS NODE_TEST_CONTEXT
cd '${packageRoot().replaceAll("'", "'\\''")}' || exit 1
exec ${words.join(" ")} ${role} "$PREFIX" "$VERSION" "$@"
`;
}
