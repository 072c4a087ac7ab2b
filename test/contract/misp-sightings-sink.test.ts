import { uuid } from "../support/fake-misp.ts";
import { FakeSightings } from "../support/fake-sightings.ts";
import { JumpClock, NOON, sightingSink } from "../support/sightings.ts";
import { testSink } from "./sink.contract.ts";

/** A sighting has no place for a finding's id: here each finding is about an attribute of its own, all of one event. */
testSink(
  "misp-sightings",
  async (t) => {
    const clock = new JumpClock();
    const server = await FakeSightings.start(t);
    const sink = await sightingSink(t, server.url, clock, { per_minute: 6000 });
    clock.advance(60_000);
    let isDown = false;
    server.fate = () => (isDown ? "cut" : "ok");
    const attributeOf = (id: string) => uuid(2, Number(id.slice(1)));
    return {
      sink: {
        ...sink,
        send: (findings, signal) =>
          sink.send(
            findings.map((finding) => ({
              ...finding,
              alert: { ...finding.alert, time: NOON },
              attributes: [{ feed: "misp", eventUuid: uuid(1, 1), attributeUuid: attributeOf(finding.id) }],
            })),
            signal,
          ),
        close: () => sink.close?.() ?? Promise.resolve(),
      },
      async received() {
        return server.stored.map(
          ({ attribute }) => `f${String(Number.parseInt(attribute.slice(-12), 16)).padStart(8, "0")}`,
        );
      },
      async down() {
        isDown = true;
      },
      async up() {
        isDown = false;
      },
    };
  },
  { stalls: false },
);
