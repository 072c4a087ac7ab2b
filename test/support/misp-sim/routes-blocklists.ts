import type { SimRoute } from "./request.ts";
import { pretty } from "./respond.ts";

export const BLOCKLIST_ROUTES: readonly SimRoute[] = [
  {
    method: "GET",
    pattern: "eventBlocklists",
    needs: "siteAdmin",
    handle: ({ sim }) =>
      pretty(
        [...sim.state.blocklist.values()].map((blocked, at) => ({
          id: String(at + 1),
          event_uuid: blocked.uuid,
          created: new Date(blocked.created * 1000).toISOString().slice(0, 19).replace("T", " "),
          event_info: blocked.info,
          comment: "Automatically blocked by deleting event",
          event_orgc: blocked.orgc,
        })),
      ),
  },
];
