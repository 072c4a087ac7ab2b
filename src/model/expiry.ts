/** After how long without being seen a report counts no more, by kind of its indicator: milliseconds, Infinity for never. */
export interface ExpiryRules {
  readonly ip: number;
  readonly domain: number;
  readonly url: number;
  readonly hash: number;
  readonly other: number;
  /** The server's decaying models decide where one covers the attribute's type. */
  readonly decay: boolean;
}

const DAY_MS = 86_400_000;
const NEVER = Number.POSITIVE_INFINITY;

/** What holds for a MISP server or feed whose configuration says nothing. */
export const DEFAULT_EXPIRY: ExpiryRules = {
  ip: 90 * DAY_MS,
  domain: 365 * DAY_MS,
  url: 365 * DAY_MS,
  hash: NEVER,
  other: NEVER,
  decay: false,
};

export const NEVER_EXPIRES: ExpiryRules = { ...DEFAULT_EXPIRY, ip: NEVER, domain: NEVER, url: NEVER };
