import { later } from "../lib/later.ts";

/** The HTTP client's package: it takes a fifth of a second to load, and many a command asks nobody. */
export const undici = later<typeof import("undici")>("undici");
