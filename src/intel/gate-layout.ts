/**
 * Where things are in the memory of the gate. This file is compiled twice, as TypeScript and as AssemblyScript (kernel/), so it
 * holds nothing but numbers. All values are bytes unless said otherwise; all words are 32 bits, little-endian.
 *
 * memory: control page · areas (one for each thread) · slot 0 · slot 1
 */

/** Raised whenever kernel and TypeScript side must change together; the kernel exports it. */
export const LAYOUT_VERSION = 1;

/** Control page: words that threads use with Atomics. */
export const CONTROL_BYTES = 65536;
/** For each slot: epoch (0: empty or being written), then threads reading it now. */
export const CONTROL_EPOCH = 0;
export const CONTROL_READERS = 4;
export const CONTROL_SLOT_BYTES = 64;
/** One word for each area: 1 when a thread has it. */
export const CONTROL_AREAS = 1024;
export const MAX_AREAS = 64;

/** An area: results, scratch, guard bytes, text, and slack that loads of whole blocks may read. */
export const AREA_LINES = 0;
export const AREA_FOUND = 4;
/** Eight 16-bit groups of an IPv6 address. */
export const AREA_SCRATCH = 64;
export const AREA_RESULTS = 4096;
/** Flagged lines that one call can report: two words each, from and to, counted from the beginning of the text. */
export const MAX_FOUND = 4096;
export const AREA_TEXT = 40960;
export const MAX_TEXT = 1048576;
/** Readable bytes behind the text. */
export const TEXT_SLACK = 4096;
export const AREA_BYTES = 1114112;

/** A slot: this header, the bitmap of endings, then the tables of all layers. */
export const SLOT_SEED_A = 0;
export const SLOT_SEED_B = 4;
export const SLOT_LAYERS = 8;
export const SLOT_FLAGS = 12;
export const SLOT_PREFIXES4 = 16;
export const SLOT_PREFIXES6 = 20;
/** Bitmaps of tails, of words and of all others: address, and by how much a hash is shifted to give a bit's number. */
export const SLOT_WORDS = 24;
export const SLOT_TAILS = 32;
/** Bit per length (0–63) of tokens without a dot, two words; the eight words of all lengths follow. */
export const SLOT_LENGTHS = 64;
/** One byte a prefix length, longest first. */
export const SLOT_PREFIX4_LIST = 128;
export const SLOT_PREFIX6_LIST = 192;
/** Four words a layer: address and number of blocks of the bloom filter, address and number of slots of the set. */
export const SLOT_LAYER_LIST = 512;
export const MAX_LAYERS = 64;
export const SLOT_ENDS = 2048;
/** Tables begin here; divisible by 64. */
export const SLOT_TABLES = 10304;

/** Bits of SLOT_FLAGS. */
export const HAS_PLAIN_NUMBERS = 1;
/** Some token without a dot may be shorter than {@link LONG_PLAIN}. */
export const HAS_SHORT_PLAIN = 2;
/** Certificates' fingerprints are listed, which are also written with colons or blanks. */
export const HAS_PRINTS = 4;

/** Some name is shorter than the eight characters of a tail. */
export const HAS_SHORT_NAMES = 16;
/** Some key of digits and dots is no IPv4 address. */
export const HAS_ODD_NUMBERS = 8;

/** Plain tokens of at least so many characters are found by their length alone. */
export const LONG_PLAIN = 32;
/** Probes of one fingerprint table after which the answer is "maybe": only a damaged table makes so many. */
export const MAX_PROBES = 4096;
