import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { addFeed } from "../config/add-feed.ts";
import { parseConfig } from "../config/load.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { replaceFile } from "../lib/replace-file.ts";
import type { FeedSettings } from "./feed-catalog.ts";

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** `key: abc`, also within braces; what comes from the environment may be shown. */
const SECRET =
  /((?:^|[\s{,"'])(?:[\w-]{1,40}_)?(?:key|token|password|secret)["']?\s{0,8}:\s{0,8})(?!\$\{)[^,}#\s][^,}]*/gi;
/** Lines shown around what is new. */
const CONTEXT = 3;

export interface AddRequest {
  readonly config: string;
  readonly name: string;
  readonly settings: FeedSettings;
  /** Check and show only. */
  readonly dryRun: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Puts a feed into the configuration file and gives the difference, as lines that begin with ` `, `+` or `-`. What would result is
 * loaded first: a file that Tipline would refuse is never written. Throws TIP_CONFIG_INVALID or TIP_USAGE_INVALID.
 */
export async function addConfiguredFeed(request: AddRequest): Promise<readonly string[]> {
  const { config, name, settings, dryRun, env } = request;
  if (!NAME.test(name))
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `expected a name of lower-case letters, digits, - and _, at most 63, got "${name.slice(0, 80)}"`,
    );
  const before = read(config);
  const file = basename(config);
  let text: string;
  try {
    text = addFeed(before, name, settings);
  } catch (thrown) {
    throw new TiplineError("TIP_CONFIG_INVALID", `${file}: ${asError(thrown).message}`, { cause: thrown });
  }
  await check({ before, after: text }, file, name, env);
  if (!dryRun) replaceFile(config, before, text);
  return difference(before, text);
}

async function check({ before, after }: Texts, file: string, name: string, env: AddRequest["env"]): Promise<void> {
  const loaded = await parseConfig(after, file, env).catch(async (cause: unknown) => {
    // The fault may have been there before; that no feed was configured is what this mends.
    const old = await parseConfig(before, file, env).catch(asError);
    const own = old instanceof Error && !/^feeds: /m.test(old.message);
    const why = own ? `${file} does not load as it is, mend it first` : `with the feed ${name} it would not load`;
    throw new TiplineError("TIP_CONFIG_INVALID", `${why}:\n${(own ? old : asError(cause)).message}`, { cause });
  });
  if (!loaded.feeds.some((feed) => feed.name === name))
    throw new TiplineError("TIP_INTERNAL", `${file}: the feed ${name} was not found again in what would be written`);
}

interface Texts {
  readonly before: string;
  readonly after: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new TiplineError("TIP_CONFIG_INVALID", `cannot read ${path}: ${asError(cause).message}`, { cause });
  }
}

/** What changed between two texts that differ in one place, with a few lines around it. */
function difference(before: string, after: string): readonly string[] {
  const old = before.split("\n");
  const now = after.split("\n");
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const mark = (sign: string, lines: readonly string[]) =>
    lines.map((line) => sign + line.replace(/\r$/, "").replace(SECRET, "$1…"));
  return [
    ...mark(" ", old.slice(Math.max(0, head - CONTEXT), head)),
    ...mark("-", old.slice(head, old.length - tail)),
    ...mark("+", now.slice(head, now.length - tail)),
    ...mark(" ", now.slice(now.length - tail, now.length - tail + CONTEXT)),
  ];
}
