import type { CanonicalValue } from "../model/observable.ts";

/** Longer paths and keys are refused. */
const MAX_PATH = 4_096;

/**
 * Well-known Windows folders and their variables, most specific first. MISP replaces the folders by the variables when an
 * attribute is saved, and alerts carry either, so both sides become the variable. The user name and the drive are lost.
 */
const FOLDERS: ReadonlyArray<readonly [RegExp, string]> = [
  [/^%(?:tmp)%(?=\/|$)/, "%temp%"],
  [/^%(?:systemroot)%(?=\/|$)/, "%windir%"],
  [/^%(?:allusersprofile|commonappdata)%(?=\/|$)/, "%programdata%"],
  [/^%(?:homedrive)%\/?%homepath%(?=\/|$)/, "%userprofile%"],
  [/^%(?:homepath)%(?=\/|$)/, "%userprofile%"],
  [/^%(?:system)%(?=\/|$)/, "%windir%/system32"],
  [/^%(?:programw6432)%(?=\/|$)/, "%programfiles%"],
  [/^%systemdrive%(?=\/|$)/, "c:"],
  [/^[a-z]:\/users\/public(?=\/|$)/, "%public%"],
  [/^[a-z]:\/documents and settings\/all users(?:\/application data)?(?=\/|$)/, "%programdata%"],
  [/^[a-z]:\/(?:users|documents and settings)\/[^/]{1,256}(?=\/|$)/, "%userprofile%"],
  [/^%userprofile%\/(?:appdata\/local|local settings)\/temp(?=\/|$)/, "%temp%"],
  [/^%userprofile%\/(?:appdata\/local|local settings\/application data)(?=\/|$)/, "%localappdata%"],
  [/^%userprofile%\/(?:appdata\/roaming|application data)(?=\/|$)/, "%appdata%"],
  [/^%localappdata%\/temp(?=\/|$)/, "%temp%"],
  [/^[a-z]:\/programdata(?=\/|$)/, "%programdata%"],
  [/^[a-z]:\/program files \(x86\)(?=\/|$)/, "%programfiles(x86)%"],
  [/^[a-z]:\/program files(?=\/|$)/, "%programfiles%"],
  [/^%programfiles\(x86\)%\/common files(?=\/|$)/, "%commonprogramfiles(x86)%"],
  [/^%programfiles%\/common files(?=\/|$)/, "%commonprogramfiles%"],
  [/^[a-z]:\/windows(?=\/|$)/, "%windir%"],
];

/**
 * A file path: lower case, `/` as separator, doubled separators folded, well-known folders as variables. It must hold a
 * separator and a last part; `\\?\`, `\??\` and `\Device\HarddiskVolumeN\` (taken as drive c) are undone.
 * Short (8.3) names are left alone: what they stand for cannot be known.
 */
export function canonicalPath(raw: string): CanonicalValue | undefined {
  let path = pathOnce(raw);
  // Prefixes and quotes may be nested; refuse what never settles.
  for (let i = 0; path !== undefined && NESTED.test(path); i++) {
    const again = pathOnce(path);
    if (again === path) break;
    path = i < 4 ? again : undefined;
  }
  return path;
}

/** Starts like something that a further pass could change. */
const NESTED = /^(?:["'`]|\/[?.]|\/device|\/systemroot|\/[a-z]:|file:|%)|["'`]$/;

function pathOnce(raw: string): CanonicalValue | undefined {
  if (raw.length > MAX_PATH) return undefined;
  let text = unquoted(raw);
  text = text.replace(/^(?:file:\/\/|(?:container)?file:_)/i, "");
  text = text.toLowerCase().replace(/[\\/]+/g, "/");
  text = text.replace(/^\/(?:\?|\?\?|\.)\/(?:unc\/)?/, "/").replace(/^\/(?=[a-z]:\/)/, "");
  text = text.replace(/^\/device\/harddiskvolume\d{1,4}(?=\/)/, "c:").replace(/^\/device\/mup(?=\/)/, "");
  text = text.replace(/^\/systemroot(?=\/)/, "%windir%");
  while (text.length > 1 && text.endsWith("/")) text = text.slice(0, -1).trimEnd();
  if (!text.includes("/") || text === "/" || hasControl(text)) return undefined;
  const first = text.charCodeAt(0);
  if (first === 37 || text.charCodeAt(1) === 58) text = withVariables(text);
  return text.includes("/") ? (text as CanonicalValue) : undefined;
}

const STEPS = FOLDERS.map(([folder, variable]) => ({
  folder,
  variable,
  /** It is about a path that begins with a variable; the others are about drives. */
  ofVariable: folder.source.startsWith("^%"),
}));

function withVariables(path: string): string {
  let text = path;
  for (const { folder, variable, ofVariable } of STEPS)
    if (ofVariable === (text.charCodeAt(0) === 37)) text = text.replace(folder, variable);
  return text;
}

function unquoted(raw: string): string {
  let text = raw.trim();
  while (text.length > 1 && /^["'`]/.test(text) && text.at(-1) === text[0]) text = text.slice(1, -1).trim();
  return text;
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 32) return true;
  return false;
}

/** The last part of a path of either style, as written; the whole text when it has no separator. */
export function baseName(path: string): string {
  let end = path.length;
  while (end > 0 && isSeparator(path.charCodeAt(end - 1))) end--;
  let start = end;
  while (start > 0 && !isSeparator(path.charCodeAt(start - 1))) start--;
  return path.slice(start, end);
}

function isSeparator(c: number): boolean {
  return c === 47 || c === 92;
}

/** A bare file name in lower case: at least two characters, no separator, no control character. */
export function canonicalFilename(raw: string): CanonicalValue | undefined {
  if (raw.length > 512) return undefined;
  const text = unquoted(raw).toLowerCase();
  if (text.length < 2 || text.length > 255 || /[\\/]/.test(text) || hasControl(text)) return undefined;
  if (text === "n/a" || text === "?" || /^[.\s-]+$/.test(text)) return undefined;
  return text as CanonicalValue;
}

const HIVES: ReadonlyMap<string, string> = new Map([
  ["hkey_local_machine", "hklm"],
  ["hklm", "hklm"],
  ["hkey_current_user", "hkcu"],
  ["hkcu", "hkcu"],
  ["hkey_users", "hku"],
  ["hku", "hku"],
  ["hkey_classes_root", "hkcr"],
  ["hkcr", "hkcr"],
  ["hkey_current_config", "hkcc"],
  ["hkcc", "hkcc"],
]);

/**
 * A registry key or value: lower case, single `\`, short hive. `\REGISTRY\MACHINE` is `hklm`; `ControlSet001` is
 * `currentcontrolset`; the hive of a person (`HKU\S-1-5-21-…`) is `hkcu`, because that is how the person's own programs
 * and nearly all intelligence name it (`…_Classes` is `hkcu\software\classes`). Well-known SIDs (S-1-5-18 …) stay.
 */
export function canonicalRegkey(raw: string): CanonicalValue | undefined {
  if (raw.length > MAX_PATH) return undefined;
  let text = unquoted(raw).toLowerCase();
  if (!text.includes("\\")) text = text.replaceAll("/", "\\");
  text = text.replace(/\\+/g, "\\");
  text = text
    .replace(/^\[x(?:32|64)\] ?/, "")
    .replace(/^\\/, "")
    .replace(/^(?:computer|registry::?)\\?(?=hk)/, "");
  text = text.replace(/^registry\\machine(?=\\|$)/, "hklm").replace(/^registry\\user(?=\\|$)/, "hku");
  while (text.endsWith("\\")) text = text.slice(0, -1);
  const slash = text.indexOf("\\");
  if (slash < 0 || hasControl(text)) return undefined;
  const hive = HIVES.get(text.slice(0, slash).replace(/:$/, ""));
  if (hive === undefined) return undefined;
  text = hive + text.slice(slash);
  if (hive === "hku") {
    text = text
      .replace(/^hku\\s-1-(?:5-21|12-1)-[\d-]{1,80}_classes(?=\\|$)/, "hkcu\\software\\classes")
      .replace(/^hku\\s-1-(?:5-21|12-1)-[\d-]{1,80}(?=\\|$)/, "hkcu");
  }
  text = text.replace(/^hklm\\system\\controlset\d{3}(?=\\|$)/, "hklm\\system\\currentcontrolset");
  return text.includes("\\") ? (text as CanonicalValue) : undefined;
}
