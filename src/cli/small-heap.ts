import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** Both halves of V8's nursery. Below that collections are so frequent that they cost time, above it is only memory. */
const NURSERY_BYTES = 16 * 1024 * 1024;
const LOOK_MS = 20;

/**
 * For a command that makes much garbage that dies young: by itself V8 lets the heap grow to four times what is live, and its
 * nursery to 32 MiB, and hardly ever gives either back. To be called before the command's modules are loaded, which makes the
 * nursery grow.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--heap-growing-percent=200");
  growNursery(false);
}

/** Lets the nursery grow to what work needs. Setting up a thread's heap lets it grow without a bound: hence again and again. */
export function boundNursery(): () => void {
  const look = () => growNursery(nurseryBytes() < NURSERY_BYTES);
  const looking = setInterval(look, LOOK_MS).unref();
  look();
  return () => clearInterval(looking);
}

function growNursery(grow: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${grow ? 2 : 1}`);
}

function nurseryBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
}
