import { install } from "../../src/setup/wazuh/install.ts";
import { installRig } from "./install-rig.ts";

/** `install-killed PREFIX CONFIG-FILE N`: installs, and is killed before the step number N. */
const [prefix = "", configFile = "", at = "0"] = process.argv.slice(2);
let step = 0;
const rig = installRig(prefix, {
  before: () => {
    if (step++ === Number(at)) process.kill(process.pid, "SIGKILL");
  },
});
await install(
  rig.request,
  { hook: true, visibility: true, agentGroups: ["default"], configFile, user: false },
  rig.world,
);
