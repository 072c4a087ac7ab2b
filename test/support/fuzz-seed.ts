import fc from "fast-check";

/**
 * Loaded before every test file: property tests draw the same cases in every run, so that a red run is the change's doing.
 * `TIPLINE_FUZZ_SEED` draws others (a number, or `random`); `TIPLINE_FUZZ_RUNS` draws more.
 */
const wanted = process.env["TIPLINE_FUZZ_SEED"];
if (wanted !== "random") fc.configureGlobal({ seed: Number(wanted ?? 20261121) });
