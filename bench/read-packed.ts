import { openFile } from "../src/lib/input-file.ts";
import { LineFile } from "../src/lib/line-file.ts";
import { FILE_START } from "../src/lib/place.ts";

/** Reads the lines of a packed file `argv[2]` as every source does, and prints how many there were. */
const [, , path = ""] = process.argv;
const file = await LineFile.resume(await openFile(path), FILE_START);
let lines = 0;
for (let batch = await file?.next(); batch !== undefined; batch = await file?.next()) lines += batch.lines.length;
await file?.close();
process.stdout.write(`${lines}\n`);
