import { join } from "node:path";
import { silentLog } from "../../src/lib/log.ts";
import wazuh from "../../src/sinks/wazuh.ts";
import { DatagramReceiver } from "../support/datagram-receiver.ts";
import { fastClock } from "../support/fake-clocks.ts";
import { tempDir } from "../support/temp.ts";
import { engineAlert } from "../support/wazuh-engine.ts";
import { testSink } from "./sink.contract.ts";

testSink(
  "wazuh",
  async (t) => {
    const folder = tempDir(t);
    const ids: string[] = [];
    const receiver = new DatagramReceiver(join(folder, "queue"), (datagram) => {
      ids.push(engineAlert(datagram)?.data.misp.finding_id ?? `unreadable: ${datagram.subarray(0, 200)}`);
    });
    receiver.start();
    const context = { name: "wazuh", log: silentLog, clock: fastClock(20), cacheDir: folder };
    const sink = await wazuh.create(wazuh.config.parse({ socket: receiver.path, rate: 100_000 }), context);
    t.after(async () => {
      await sink.close?.();
      await receiver.stop();
    });
    let running = true;
    return {
      sink,
      async received() {
        receiver.drain();
        return ids;
      },
      async down() {
        running = false;
        await receiver.stop();
      },
      async up() {
        if (!running) receiver.start();
        running = true;
      },
      stall: () => receiver.stall(),
      resume: () => receiver.resume(),
    };
  },
  { stalls: true },
);
