import { existsSync, statfsSync, statSync } from "node:fs";
import { formatBytes } from "../lib/units.ts";
import { type Check, fail, ok, unseen, warn } from "./checks.ts";
import { accessOf, groupName, type Identity, namedIdentity } from "./doctor-host-access.ts";
import type { Hop } from "./doctor-line-walk.ts";

/** A folder that fills up. */
export interface DiskPlace {
  readonly what: string;
  readonly path: string;
  /** How to make room there. */
  readonly remedy: string;
}

/** Free room of a file system. */
export interface Room {
  readonly bytes: number;
  readonly allBytes: number;
  readonly inodes: number;
  /** 0 where the file system has no fixed number. */
  readonly allInodes: number;
}

const MIB = 2 ** 20;
/** Below these nothing that writes goes on for long. */
const LEAST = { bytes: 256 * MIB, inodes: 1_000, inodeShare: 0.01 };
/** Below these somebody should look. */
const LITTLE = { bytes: 1024 * MIB, share: 0.05, shareBelow: 10 * 1024 * MIB, inodeShare: 0.05 };

/** Room in bytes and inodes where Tipline and Wazuh write. */
export function diskHop(places: readonly DiskPlace[], room: (path: string) => Room | undefined = roomOf): Hop {
  return {
    name: "disk",
    needs: [],
    look() {
      const devices = new Set<number>();
      return places.flatMap((place) => {
        const device = deviceOf(place.path);
        if (device !== undefined && devices.has(device)) return [];
        if (device !== undefined) devices.add(device);
        // What is not there is another hop's business.
        if (device === undefined && !existsSync(place.path)) return [];
        const free = room(place.path);
        return free === undefined
          ? [unseen("disk", `${place.what} ${place.path} cannot be looked at`, "")]
          : [diskCheck(place, free)];
      });
    },
  };
}

function diskCheck({ what, path, remedy }: DiskPlace, { bytes, allBytes, inodes, allInodes }: Room): Check {
  const share = allInodes === 0 ? 1 : inodes / allInodes;
  const counted = allInodes === 0 ? "" : `, ${inodes.toLocaleString("en-US")} inodes (${Math.round(share * 100)}%)`;
  const found = `${what} ${path}: ${formatBytes(bytes)} free${counted}`;
  if (bytes < LEAST.bytes || (allInodes > 0 && (inodes < LEAST.inodes || share < LEAST.inodeShare)))
    return fail("disk", found, remedy);
  const little = bytes < LITTLE.bytes || (bytes < allBytes * LITTLE.share && bytes < LITTLE.shareBelow);
  return little || share < LITTLE.inodeShare ? warn("disk", found, remedy) : ok("disk", found);
}

function roomOf(path: string): Room | undefined {
  try {
    const { bavail, bsize, blocks, ffree, files } = statfsSync(path);
    return { bytes: bavail * bsize, allBytes: blocks * bsize, inodes: ffree, allInodes: files };
  } catch {
    return undefined;
  }
}

function deviceOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch {
    return undefined;
  }
}

/** What Tipline's user must be able to do. */
export interface UserSubject {
  readonly who: Identity;
  /** Where the identity was taken from. */
  readonly how: string;
  /** Command that restarts Tipline; a process has the groups it was started with. */
  readonly restart: string;
  /** What is read and what is written to, where they are known. */
  readonly reads: string | undefined;
  readonly writes: string | undefined;
}

/** Whether the user is in the groups that it needs. Rights of single files are the business of the hops that use them. */
export function userHop({ who, how, restart, reads, writes }: UserSubject): Hop {
  return {
    name: "user and groups",
    needs: [],
    look() {
      const groups = [...who.gids].map(groupName).slice(0, 12).join(", ");
      const found = `${who.name} (${how}), groups ${groups}`;
      for (const [path, need] of [
        [reads, "read"],
        [writes, "write"],
      ] as const) {
        const access = path === undefined ? undefined : accessOf(path, who, need);
        if (access?.status !== "no" || !access.remedy.startsWith("usermod ")) continue;
        const listed = namedIdentity(who.name);
        const stale = listed !== undefined && accessOf(path ?? "", { ...listed, self: false }, need).status === "yes";
        const why = `may not ${access.need} ${access.at} (${access.mode})`;
        return stale
          ? [fail("user and groups", `${found}: ${why}; it was put into the group after the start`, restart)]
          : [fail("user and groups", `${found}: ${why}`, `${access.remedy} && ${restart}`)];
      }
      return [ok("user and groups", found)];
    },
  };
}

/** A minute apart is harmless, a quarter of an hour puts alerts out of order for whoever reads them. */
const SKEW_WARN_MS = 60_000;
const SKEW_FAIL_MS = 15 * 60_000;

/** The newest alert's own time against this host's, where the alert was written only now. */
export function clockCheck(alertAt: number, writtenAt: number, now: number): Check {
  const name = "clock";
  const ahead = alertAt - now;
  // A file that nothing was written to lately says nothing about being behind.
  const behind = now - writtenAt < SKEW_WARN_MS ? writtenAt - alertAt : 0;
  const skew = Math.max(ahead, behind);
  if (skew < SKEW_WARN_MS) return ok(name, "alerts carry this host's time");
  const words = `the newest alert is ${Math.round(skew / 1000)} s ${ahead >= behind ? "in the future" : "older than its writing"}`;
  const remedy = "timedatectl set-ntp true (on the manager and on this host)";
  return skew >= SKEW_FAIL_MS ? fail(name, words, remedy) : warn(name, words, remedy);
}
