import type { BenchContext } from "./context.ts";
import type { Section } from "./figures.ts";
import { benchSync, benchWazuh } from "./parts/elsewhere.ts";
import { benchEnrich } from "./parts/enrich.ts";
import { benchFlags } from "./parts/flags.ts";
import { benchGzip } from "./parts/gzip.ts";
import { benchIndexes } from "./parts/index.ts";
import { benchMatch } from "./parts/match.ts";
import { benchRivals } from "./parts/rivals.ts";
import { benchThreads } from "./parts/threads.ts";

export interface Part {
  readonly name: string;
  /** Heading of its section. */
  readonly title: string;
  run(context: BenchContext): Promise<Section>;
}

/** All parts, in the order of the results. */
export const PARTS: readonly Part[] = [
  { name: "match", title: "Gate and matcher", run: benchMatch },
  { name: "threads", title: "Threads", run: benchThreads },
  { name: "flags", title: "Flag rates", run: benchFlags },
  { name: "rivals", title: "Other ways", run: benchRivals },
  { name: "enrich", title: "The command `enrich`", run: benchEnrich },
  { name: "gzip", title: "Packed files", run: benchGzip },
  { name: "index", title: "Index", run: benchIndexes },
  { name: "wazuh", title: "Beside Wazuh", run: benchWazuh },
  { name: "sync", title: "First sync", run: benchSync },
];
