import { open } from "node:fs/promises";

const CHUNK = 1024 * 1024;
/** Longest line that is kept while its end is awaited. */
const MOST_LINE = 4 * CHUNK;

/** Whole lines of a file that hold `needle`, in order. Of one longer than 4 MiB only parts are seen; a file that cannot be read has none. */
export async function* linesWith(path: string, needle: string): AsyncGenerator<string> {
  const wanted = Buffer.from(needle, "utf8");
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return;
  try {
    let carry: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const { bytesRead } = await file.read(chunk, 0, CHUNK);
      const data = Buffer.concat([carry, chunk.subarray(0, bytesRead)]);
      // At the end of the file the last line may lack its end.
      const end = bytesRead === 0 ? data.length : data.lastIndexOf(10) + 1;
      yield* within(data.subarray(0, end), wanted);
      if (bytesRead === 0) return;
      carry = data.length - end > MOST_LINE ? Buffer.alloc(0) : data.subarray(end);
    }
  } finally {
    await file.close();
  }
}

function* within(lines: Buffer, wanted: Buffer): Generator<string> {
  for (let at = lines.indexOf(wanted); at >= 0; ) {
    const next = lines.indexOf(10, at);
    const end = next < 0 ? lines.length : next;
    yield lines.toString("utf8", lines.lastIndexOf(10, at) + 1, end);
    at = lines.indexOf(wanted, end);
  }
}
