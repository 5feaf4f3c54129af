import { expect, test } from "vitest";
import { readDocument, sectionOf, tableRows } from "../../support/documents.ts";
import { sourceFiles } from "../../tidy/source-tree.ts";

const page = readDocument("docs/architecture.md");
const files = sourceFiles("cluster", "src");

test("each hop of a PUBLISH is a function of the file that the page names", () => {
  const hops = tableRows(sectionOf(page, "The way of a PUBLISH"));
  expect(hops).toHaveLength(7);
  for (const [hop = "", path = "", name = ""] of hops) {
    const file = files.find((candidate) => candidate.path === path.replaceAll("`", ""));
    expect(file?.text, hop).toMatch(new RegExp(`^  ${name.replaceAll("`", "")}\\(`, "m"));
  }
});

test("the page lists every folder of the source, and rightly says which are pure", () => {
  const rows = tableRows(sectionOf(page, "Parts"));
  const listed = rows.map(([folder = ""]) => folder.replaceAll("`", ""));
  const folders = new Set(
    files
      .map(({ path }) => path.split("/"))
      .flatMap((parts) => (parts.length > 2 ? [parts.slice(0, 2).join("/")] : [])),
  );
  expect([...listed].sort()).toEqual([...folders].sort());
  const tidy = readDocument("test/tidy/tidy.test.ts");
  for (const [folder = "", , isPure] of rows) {
    expect(isPure === "yes", folder).toBe(tidy.includes(`"${folder.replaceAll("`", "")}/",`));
  }
});
