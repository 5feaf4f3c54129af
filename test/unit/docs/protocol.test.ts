import { expect, test } from "vitest";
import { EntryType } from "../../../cluster/raft/types.ts";
import { formatVersion, prefix } from "../../../cluster/storage/keys.ts";
import { protocolMajor } from "../../../cluster/transport/hello.ts";
import { ControlKind, frameVersion } from "../../../cluster/wire/frame-kinds.ts";
import { commandVersion } from "../../../src/replica/commands.ts";
import { recordPrefix } from "../../../src/replica/records.ts";
import { readDocument, rowNames, sectionOf, tableRows } from "../../support/documents.ts";
import { sourceFiles } from "../../tidy/source-tree.ts";

const page = readDocument("docs/protocol.md");
const cluster = sourceFiles("cluster");
const sources = [...cluster, ...sourceFiles("src")].map(({ text }) => text).join("\n");

test("versions are the ones the page names", () => {
  const versions = { protocolMajor, frameVersion, formatVersion, commandVersion };
  expect(versions, "describe the new version").toEqual({
    protocolMajor: 1,
    frameVersion: 1,
    formatVersion: 2,
    commandVersion: 1,
  });
});

test("every libp2p protocol is listed", () => {
  const lanes = [...sources.matchAll(/laneNames = \[([^\]]+)\]/g)].flatMap(
    (match) => match[1]?.match(/\w+/g) ?? [],
  );
  const streams = [...sources.matchAll(/"(\/flockmq\/\w+\/\d)"/g)].map((match) => match[1]);
  const expected = [...streams, ...lanes.map((lane) => `/flockmq/${lane}/1`)];
  expect([...rowNames(sectionOf(page, "Layers"))].sort()).toEqual(expected.sort());
});

test("every control frame is listed with its number", () => {
  const rows = tableRows(sectionOf(page, "Control frames")).map(([kind, name]) => [name, kind]);
  const expected = Object.entries(ControlKind).map(([name, kind]) => [`\`${name}\``, `${kind}`]);
  expect(rows).toEqual(expected.sort((a, b) => Number(a[1]) - Number(b[1])));
});

test("every kind of request is listed", () => {
  const kinds = [...sources.matchAll(/[rR]equestKind = "([\w-]+)"/g)].map((match) => match[1]);
  const listed = rowNames(sectionOf(page, "Requests"));
  expect([...listed].sort()).toEqual([...kinds, "interest"].sort());
});

test("entry types have the numbers of the page", () => {
  const rows = tableRows(sectionOf(page, "The log")).map(([name, number]) => [name, number]);
  for (const [name, number] of Object.entries(EntryType)) {
    expect(rows).toContainEqual([`\`${name}\``, `${number}`]);
  }
});

test("every prefix of the database and of the state is listed", () => {
  const rows = tableRows(sectionOf(page, "On disk"));
  const letters = rows.flatMap(([key = "", name = ""]) => {
    const letter = /^`(\w)(\/.*)?`$/.exec(key)?.[1];
    return /^`\w+`$/.test(name) && letter !== undefined ? [[name.slice(1, -1), letter]] : [];
  });
  expect(letters).toEqual(Object.entries(prefix));
  const keys = rows.map(([key = ""]) => key);
  for (const start of Object.values(recordPrefix)) {
    expect(keys.some((key) => key.startsWith(`\`a/${start}`))).toBe(true);
  }
});
