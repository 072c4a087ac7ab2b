import { closeSync, openSync, statSync } from "node:fs";
import { READ_BYTES, streamLines } from "./stream/lines.ts";

/** A Node loop that only parses: every line of the file `argv[2]`. Prints how many there were. */
const [, , file = ""] = process.argv;
const buffer = Buffer.alloc(READ_BYTES);
const fd = openSync(file, "r");
let lines = 0;
streamLines(fd, { from: 0, to: statSync(file).size }, buffer, (end) => {
  for (const line of buffer.toString("utf8", 0, end - 1).split("\n")) {
    JSON.parse(line);
    lines++;
  }
});
closeSync(fd);
process.stdout.write(`${lines}\n`);
