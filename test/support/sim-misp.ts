import type { Misp } from "../../src/clients/misp.ts";
import { checkFilter } from "../../src/clients/misp-filter.ts";
import type { JsonValue } from "../../src/model/json.ts";
import { ADMIN_KEY } from "./misp-sim/defaults.ts";
import type { MispSim } from "./misp-sim/sim.ts";

/** A client whose searches go straight into the simulator: no sockets, so that a property test can ask thousands of times. */
export function simMisp(sim: MispSim): Misp {
  const unsupported = () => {
    throw new Error("only searches");
  };
  return {
    url: "http://misp.test",
    async search(scope, filter) {
      checkFilter(scope, filter);
      const { status, body } = sim.handle({
        method: "POST",
        path: `/${scope}/restSearch`,
        headers: { authorization: ADMIN_KEY, accept: "application/json", "content-type": "application/json" },
        body: Buffer.from(JSON.stringify(filter)),
      });
      if (status !== 200) throw new Error(`${status} ${body}`);
      const { response } = JSON.parse(String(body)) as { response: { Attribute: JsonValue[] } };
      const rows = async function* () {
        yield* response.Attribute;
      };
      const chunks = async function* () {
        yield Buffer.from(String(body));
      };
      const slices = { path: ["response", "Attribute"], maxElementBytes: 1_000_000, name: "simulator" };
      return { rows: rows(), chunks: chunks(), slices, resultCount: undefined, serverTime: undefined, bytes: () => 0 };
    },
    eventManifest: unsupported,
    count: unsupported,
    get: unsupported,
    list: unsupported,
    post: unsupported,
    status: unsupported,
    retry: (work) => work(),
    close: async () => undefined,
  };
}
