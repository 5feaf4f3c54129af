import { describe, expect, it } from "vitest";
import { maskedCrc32c } from "../../../cluster/storage/files/crc32c.ts";
import { damageOfLog, isTorn } from "../../../cluster/storage/files/log-blocks.ts";

const blockSizeBytes = 32_768;
const headerSizeBytes = 7;

/** Writes as LevelDB puts them into its log. */
function logOf(writes: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  const put = (part: Buffer): void => {
    parts.push(part);
    at += part.length;
  };
  for (const write of writes) {
    for (let rest = write, isFirst = true; ; isFirst = false) {
      const left = blockSizeBytes - (at % blockSizeBytes);
      if (left < headerSizeBytes) put(Buffer.alloc(left));
      const room = blockSizeBytes - (at % blockSizeBytes) - headerSizeBytes;
      const payload = rest.subarray(0, room);
      rest = rest.subarray(room);
      const isLast = rest.length === 0;
      put(record(isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3, payload));
      if (isLast) break;
    }
  }
  return Buffer.concat(parts);
}

function record(type: number, payload: Buffer): Buffer {
  const made = Buffer.concat([Buffer.alloc(headerSizeBytes), payload]);
  made.writeUInt16LE(payload.length, 4);
  made[6] = type;
  made.writeUInt32LE(maskedCrc32c(made, 6, made.length), 0);
  return made;
}

function write(letter: string, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, letter);
}

/** What the store makes of the file. */
function verdict(bytes: Buffer): "sound" | "torn" | "damaged" {
  const damage = damageOfLog(bytes);
  if (damage === null) return "sound";
  return isTorn(bytes, damage) ? "torn" : "damaged";
}

/** One write in its block, and one over three blocks. */
const shapes = {
  short: [write("a", 300), write("b", 900)],
  long: [write("a", 300), write("b", 70_000)],
};

describe.each(Object.entries(shapes))("the last of the writes, %s", (_name, writes) => {
  const log = logOf(writes);
  const lastAt = headerSizeBytes + 300;

  it("is read as it was written", () => {
    const found: Buffer[] = [];
    expect(damageOfLog(log, (one) => found.push(one))).toBe(null);
    expect(found).toEqual(writes);
  });

  it("is torn wherever the file ends within it", () => {
    for (let size = lastAt + 1; size < log.length; size += log.length > 5_000 ? 97 : 1) {
      expect(verdict(log.subarray(0, size)), `cut at ${size}`).toBe("torn");
    }
  });

  it("is damaged, not torn, whichever bit of it is flipped", () => {
    for (let at = lastAt; at < log.length; at += log.length > 5_000 && at > lastAt + 7 ? 97 : 1) {
      for (let bit = 0; bit < 8; bit++) {
        log[at]! ^= 1 << bit;
        expect(verdict(log), `byte ${at}, bit ${bit}`).toBe("damaged");
        log[at]! ^= 1 << bit;
      }
    }
    expect(verdict(log)).toBe("sound");
  });

  it("is torn when one of its sectors was never written", () => {
    for (let start = 512; start < log.length - 16; start += 512) {
      const torn = Buffer.from(log);
      torn.fill(0, Math.max(start, lastAt), Math.min(start + 512, log.length));
      expect(verdict(torn), `sector at ${start}`).toBe("torn");
    }
  });

  it("is torn when none of its sectors was written though the file grew", () => {
    const torn = Buffer.from(log);
    torn.fill(0, lastAt);
    expect(verdict(torn)).toBe("torn");
  });
});

it("damage before a sound write is never a torn write", () => {
  const log = logOf([write("a", 300), write("b", 900), write("c", 40)]);
  for (let at = 0; at < headerSizeBytes * 2 + 1_200; at++) {
    log[at]! ^= 4;
    expect(verdict(log), `byte ${at}`).toBe("damaged");
    log[at]! ^= 4;
  }
  log.fill(0, 512, 1_024);
  expect(verdict(log)).toBe("damaged");
});
