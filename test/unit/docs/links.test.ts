import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readDocument } from "../../support/documents.ts";
import { root } from "../../tidy/source-tree.ts";

const pages = [
  ...["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "README.md", "cluster/DESIGN.md"],
  ...markdownIn("docs"),
].filter((path) => existsSync(join(root, path)));

function markdownIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`);
}

function anchorsOf(path: string): string[] {
  return [...readDocument(path).matchAll(/^#{1,6} (.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test.each(pages)("%s: links lead somewhere", (page) => {
  const broken: string[] = [];
  for (const [, target = ""] of readDocument(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
    const [file = "", anchor] = target.split("#");
    const path = file === "" ? page : join(dirname(page), file);
    const isThere = existsSync(join(root, path));
    if (!isThere || (anchor !== undefined && !anchorsOf(path).includes(anchor))) {
      broken.push(target);
    }
  }
  expect(broken).toEqual([]);
});

test.each(pages)("%s: files that it names exist", (page) => {
  const named = [
    ...readDocument(page).matchAll(/`((?:cluster|src|test|scripts|docs)\/[\w./-]+)`/g),
  ];
  const missing = named
    .map((match) => match[1] ?? "")
    .filter((path) => !existsSync(join(root, path)));
  expect(missing).toEqual([]);
});
