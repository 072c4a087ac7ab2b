import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { openUnixDatagram } from "../../src/clients/unix-datagram.ts";

/**
 * The floor, beside the load: a line written, fsync, a datagram with the time of the writing. Nothing that keeps what it found before
 * it tells of it can be faster.
 *
 *   floor-process.js FILE SOCKET SECONDS
 */
const [file = "", socket = "", seconds = "10"] = process.argv.slice(2);
const PERIOD_MS = 10;
const client = await openUnixDatagram(socket);
const fd = openSync(file, "a");
const line = `${"x".repeat(1900)}\n`;
const end = Date.now() + Number(seconds) * 1000;
while (Date.now() < end) {
  const at = process.hrtime.bigint();
  writeSync(fd, line);
  fsyncSync(fd);
  client.send(Buffer.from(String(at)));
  await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
}
closeSync(fd);
client.close();
