import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { packageRoot } from "../src/lib/package-root.ts";

/** The processor by name, and how many cores of it there are. */
export function processor(): string {
  return `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores`;
}

/** Date, machine, versions and commit; `tools`: versions of the programs that were measured beside. */
export function machineLine(tools: readonly string[] = []): string {
  return [
    new Date().toISOString().slice(0, 10),
    processor(),
    `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    `Linux ${release()}`,
    `Node ${process.version} (V8 ${process.versions.v8})`,
    ...tools,
    `commit ${commit()}`,
  ].join(" · ");
}

/** Short hash of the commit, and whether files differ from it. */
export function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", ["--no-optional-locks", ...args], {
      cwd: packageRoot(),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    const hash = git("rev-parse", "--short", "HEAD");
    return git("status", "--porcelain", "--", "src", "kernel", "bench/*.ts") === "" ? hash : `${hash} and changes`;
  } catch {
    return "unknown";
  }
}

/** First line of what a program says of its version; undefined where there is none. */
export function version(program: string, args: readonly string[] = ["--version"]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], timeout: 10_000 })
      .split("\n")[0]
      ?.trim();
  } catch {
    return undefined;
  }
}
