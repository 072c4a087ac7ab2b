import { randomUUID } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { z } from "zod";
import { type ByteReader, openFile, openStream } from "../lib/byte-reader.ts";
import { defineSource } from "../contract/define.ts";
import type { Delivery, SourceLag } from "../contract/source.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { expandGlob, isGlob } from "../lib/glob.ts";
import { FILE_START, LineFile, type Place } from "../lib/line-file.ts";
import { brokenOff, type SortedLines, sortLines } from "../lib/line-records.ts";
import type { Log } from "../lib/log.ts";
import { isPlace } from "../lib/place.ts";
import { get, type JsonValue } from "../model/json.ts";

const STDIN = "-";
