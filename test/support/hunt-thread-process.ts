import { warningsTo } from "../../src/app/hunt-scan-thread.ts";
import { HuntThread } from "../../src/app/hunt-thread.ts";

/** Two batches of a line's own hunting, in a process of its own, that print what is warned of: FILE. */
const [path = ""] = process.argv.slice(2);
const warn = (words: string) => void process.stdout.write(`${words}\n`);
const onWarning = warningsTo({ warn });
for (let batch = 0; batch < 2; batch++) {
  const thread = new HuntThread(
    { values: [["domain", "subdomains", "a.example"]], window: {}, sketches: undefined },
    onWarning,
  );
  for await (const { lines } of thread.scan({ path, packed: false }, undefined).run())
    process.stdout.write(`${lines} lines\n`);
  await thread.close();
}
