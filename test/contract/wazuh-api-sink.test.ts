import { silentLog } from "../../src/lib/log.ts";
import wazuhApi from "../../src/sinks/wazuh-api.ts";
import { fastClock } from "../support/fake-clocks.ts";
import { FakeWazuhApi, PASSWORD, USER } from "../support/fake-wazuh-api.ts";
import { tempDir } from "../support/temp.ts";
import { testSink } from "./sink.contract.ts";

testSink(
  "wazuh-api",
  async (t) => {
    const clock = fastClock(3000);
    const api = await FakeWazuhApi.start(t, clock);
    const context = { name: "wazuh", log: silentLog, clock, cacheDir: tempDir(t) };
    const sink = await wazuhApi.create(
      wazuhApi.config.parse({ url: api.url, user: USER, password: PASSWORD }),
      context,
    );
    t.after(() => sink.close?.());
    return {
      sink,
      async received() {
        return api.queue.map((message) => JSON.parse(message.slice("1:API-Webhook:".length)).misp.finding_id);
      },
      async down() {
        api.state = "cut";
      },
      async up() {
        api.state = "up";
      },
    };
  },
  { stalls: false },
);
