import type { Command } from "commander";
import { addConfiguredFeed } from "../app/feed-add.ts";
import {
  type DefaultFeed,
  defaultFeeds,
  type FeedSettings,
  findFeed,
  matchingFeeds,
  ownFeed,
  settingsOf,
} from "../app/feed-catalog.ts";
import { type FeedStatus, feedErrors, feedStatuses } from "../app/feed-status.ts";
import { findConfig, requireConfig } from "../app/paths.ts";
import { loadConfig } from "../config/load.ts";
import { TiplineError } from "../lib/errors.ts";
import { formatDuration } from "../lib/units.ts";
import { note, paint, print, printJson, safe, table } from "./output.ts";

interface ListFlags {
  readonly config?: string;
  readonly json?: boolean;
}

interface AddFlags {
  readonly config?: string;
  readonly as?: string;
  readonly url?: string;
  readonly format?: string;
  readonly delimiter?: string;
  readonly valueColumn?: string;
  readonly exclude?: string;
  readonly dryRun?: boolean;
}

export function addFeeds(program: Command): void {
  const feeds = program.command("feeds").description("Well-known feeds: list them, and add one to the configuration.");
  feeds
    .command("list")
    .description("List the well-known feeds (MISP's defaults); with --config also those configured, and how they are.")
    .argument("[text]", "only those that have these words in name, provider, URL or note")
    .option("-c, --config <file>", "also list the feeds of this configuration, with reports, age and last error")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      `
Examples:
  tipline feeds list
  tipline feeds list abuse.ch
  tipline feeds list --config tipline.yaml --json`,
    )
    .action(list);
  feeds
    .command("add")
    .description(
      "Add a feed to the configuration: a well-known one by name, or your own by --url. Comments in the file stay.",
    )
    .argument("[name]", "name of a well-known feed, or a part of it (see feeds list)")
    .option(
      "-c, --config <file>",
      "configuration to change (default: $TIPLINE_CONFIG, ./tipline.yaml, /etc/tipline/tipline.yaml)",
    )
    .option("--as <name>", "name in the configuration")
    .option("--url <url>", "a feed of your own")
    .option("--format <format>", "with --url: misp, csv, freetext or lines")
    .option("--delimiter <text>", "with --format csv: what separates the columns")
    .option("--value-column <columns>", 'with --format csv: number of the column, several with commas, or "*"')
    .option("--exclude <pattern>", "with --url: leave out values that this pattern finds, such as /^#/i")
    .option("--dry-run", "show what would change, and change nothing")
    .addHelpText(
      "after",
      `
Examples:
  tipline feeds add urlhaus --config tipline.yaml
  tipline feeds add "Tor exit" --as tor --dry-run
  tipline feeds add --url https://lists.example.org/bad.csv --format csv --value-column 2`,
    )
    .action(add);
}

async function list(text: string | undefined, { config: path, json }: ListFlags): Promise<void> {
  const found = text === undefined ? defaultFeeds() : matchingFeeds(text, defaultFeeds());
  const configured = path === undefined ? [] : await configuredFeeds(path);
  const added = new Map(configured.map((feed) => [feed.url?.replace(/\/{1,8}$/, ""), feed.name]));
  const nameOf = ({ url }: DefaultFeed) => added.get(url.replace(/\/{1,8}$/, ""));
  if (json) {
    for (const feed of configured) await printJson(statusJson(feed));
    for (const feed of found) await printJson({ kind: "default", ...feed, configured_as: nameOf(feed) ?? null });
    return;
  }
  if (configured.length > 0) {
    await print(table([["CONFIGURED", "TYPE", "REPORTS", "LAST CHANGE", "PLACE"], ...configured.map(statusRow)]));
    for (const { name, error } of configured) if (error !== undefined) note(`${safe(name)}: ${safe(error, 400)}`);
    await print("");
  }
  if (found.length === 0) note(`no well-known feed has "${safe(text ?? "")}" in name, provider, URL or note`);
  else {
    const mark = (feed: DefaultFeed) =>
      feed.left_out !== undefined
        ? `left out: ${feed.left_out}`
        : [configuredMark(nameOf(feed)), feed.note].filter(Boolean).join(" ");
    await print(
      table([
        ["NAME", "FORMAT", "WHAT", "URL", "NOTE"],
        ...found.map((feed) => [feed.slug, feed.format, shorten(feed.name, 48), shorten(feed.url, 64), mark(feed)]),
      ]),
    );
    note(`${found.length} feeds; add one with: tipline feeds add NAME --config FILE`);
  }
}

function configuredMark(name: string | undefined): string {
  return name === undefined ? "" : `(configured as ${name})`;
}

interface ListedFeed extends FeedStatus {
  readonly error?: string;
}

async function configuredFeeds(path: string): Promise<readonly ListedFeed[]> {
  const config = await loadConfig(path);
  const errors = await feedErrors(config.state_dir);
  return feedStatuses(config).map((status) => {
    const error = errors.get(status.name);
    return error === undefined ? status : { ...status, error };
  });
}

function statusRow({ name, type, place, reports, quarantined, updatedAt, error }: ListedFeed): readonly string[] {
  const held = reports === undefined ? "none yet" : `${reports}${quarantined ? ` (${quarantined} quarantined)` : ""}`;
  const age = updatedAt === undefined ? "" : `${formatDuration(Date.now() - updatedAt)} ago`;
  return [safe(name), type, held, `${age}${error === undefined ? "" : " FAILS"}`.trim(), safe(shorten(place, 100))];
}

function statusJson({ name, type, place, reports, quarantined, updatedAt, error }: ListedFeed): object {
  return {
    kind: "configured",
    name,
    type,
    place,
    reports: reports ?? null,
    quarantined: quarantined ?? null,
    last_change: updatedAt === undefined ? null : new Date(updatedAt).toISOString(),
    error: error ?? null,
  };
}

function shorten(text: string, most: number): string {
  return safe(text.length > most ? `${text.slice(0, most - 1)}…` : text);
}

async function add(asked: string | undefined, flags: AddFlags): Promise<void> {
  const { name, settings, note: remark } = wanted(asked, flags);
  const config = flags.config ?? requireConfig(findConfig(undefined));
  const lines = await addConfiguredFeed({ config, name, settings, dryRun: flags.dryRun === true });
  await print(lines.map((line) => coloured(safe(line, 400))).join("\n"));
  if (remark !== undefined) note(remark);
  note(
    flags.dryRun
      ? `nothing was changed; without --dry-run ${config} would be`
      : `${config}: feed ${name} added; restart Tipline, or try it with: tipline sync --config ${config}`,
  );
}

function coloured(line: string): string {
  if (line.startsWith("+")) return paint("green", line);
  return line.startsWith("-") ? paint("red", line) : line;
}

interface Wanted {
  readonly name: string;
  readonly settings: FeedSettings;
  readonly note?: string | undefined;
}

function wanted(asked: string | undefined, flags: AddFlags): Wanted {
  const own = flags.format ?? flags.delimiter ?? flags.valueColumn ?? flags.exclude;
  if (flags.url !== undefined) {
    if (asked !== undefined) throw usage("expected the NAME of a well-known feed or --url, found both");
    return ownFeed({
      url: flags.url,
      as: flags.as,
      format: flags.format,
      delimiter: flags.delimiter,
      columns: flags.valueColumn,
      exclude: flags.exclude,
    });
  }
  if (asked === undefined)
    throw usage("expected the NAME of a well-known feed (tipline feeds list), or --url and --format");
  if (own !== undefined) throw usage("--format, --delimiter, --value-column and --exclude go with --url");
  const search = findFeed(asked, defaultFeeds());
  if (search.kind === "one")
    return { name: flags.as ?? search.feed.slug, settings: settingsOf(search.feed), note: search.feed.note };
  const names = search.feeds.map(({ slug, name }) => `\n  ${slug}  (${name})`).join("");
  if (search.kind === "several") throw usage(`"${asked}" is a part of several; expected one of${names}`);
  throw usage(
    `no well-known feed is called "${asked}"${names === "" ? " (see tipline feeds list)" : `; near are${names}`}`,
  );
}

function usage(message: string): TiplineError {
  return new TiplineError("TIP_USAGE_INVALID", message);
}
