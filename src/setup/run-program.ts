import { spawn } from "node:child_process";
import type { Run } from "./systemd.ts";

const TIMEOUT_MS = 120_000;
const MAX_OUTPUT = 256 * 1024;

/** Runs a program of the system by its name, without a shell and with a path of our own choosing. */
export const runProgram: Run = (program, args) =>
  new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", SYSTEMD_PAGER: "", SYSTEMD_COLORS: "0" },
    });
    const out = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (piece: string) => {
        if (out[name].length < MAX_OUTPUT) out[name] += piece;
      });
    child.once("error", () => resolve({ code: undefined, ...out }));
    // A program that a signal ended has no code: that is a failure, not an absence.
    child.once("close", (code) => resolve({ code: code ?? 255, ...out }));
  });
