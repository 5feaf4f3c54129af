import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeFloor } from "../../../cluster/storage/floor-file.ts";
import { decodeSnapshotHeader } from "../../../cluster/wire/snapshot-header.ts";
import { formatSamples } from "../../support/format-samples.ts";

/**
 * Bytes as they were written when each format got its number; they are never made anew. Who changes a format raises its version,
 * adds bytes of the new one, and goes on reading these.
 */
const path = new URL("../../fixtures/formats.json", import.meta.url);
const fixtures = JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;

test("every format has its bytes", () => {
  const names = formatSamples.map(({ name }) => name);
  const old = Object.keys(fixtures).filter((name) => name.endsWith(", version 1"));
  expect(Object.keys(fixtures).sort()).toEqual([...names, ...old].sort());
});

describe.each(formatSamples)("$name", ({ name, value, encode, decode }) => {
  const bytes = Buffer.from(fixtures[name] ?? "", "hex");

  test("is read from the bytes of an earlier build", () => {
    expect(decode(bytes)).toEqual(value);
  });

  test("is still written in the same bytes", () => {
    expect(Buffer.from(encode()).toString("hex")).toBe(fixtures[name]);
  });
});

test("the snapshot header before it had a version is read; it can only begin anew", () => {
  const header = decodeSnapshotHeader(
    Buffer.from(fixtures["snapshot header, version 1"] ?? "", "hex"),
  );
  expect(header).toMatchObject({ groupId: 0, term: 8, transfer: null, after: null });
  expect(header.point).toMatchObject({ index: 4_294_967_298, term: 7 });
});

test("the floor of the time when the database held the log stands for both", () => {
  const floor = decodeFloor(Buffer.from(fixtures["floor file, version 1"] ?? "", "hex"));
  expect(floor).toMatchObject({ sequence: 81, stateSequence: 81, lastIndex: 42 });
});

test("a snapshot header of a later version is refused as such", () => {
  const { "snapshot header": current = "" } = fixtures;
  const text = Buffer.from(current, "hex").toString("utf8");
  const later = Buffer.from(text.replace('"version":2', '"version":3'));
  expect(() => decodeSnapshotHeader(later)).toThrow(
    expect.objectContaining({ code: "version-mismatch" }),
  );
});
