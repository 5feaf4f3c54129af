import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

export function readDocument(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The part of a page under the heading that contains `title`, down to the next heading of any level. */
export function sectionOf(document: string, title: string): string {
  const sections = document.split(/^(?=#{1,6} )/m);
  const section = sections.find((text) => text.slice(0, text.indexOf("\n")).includes(title));
  if (section === undefined) throw new Error(`no heading with "${title}"`);
  return section;
}

/** Cells of all rows of the tables in `text`, without headers and rules. */
export function tableRows(text: string): readonly (readonly string[])[] {
  const lines = text.split("\n");
  return lines
    .filter((line, at) => line.startsWith("|") && !isRule(line) && !isRule(lines[at + 1] ?? ""))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf("|"))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

/** What stands between backticks at the beginning of the first cell of each row. */
export function rowNames(text: string): readonly string[] {
  return tableRows(text).flatMap(([first = ""]) => /^`([^`]+)`/.exec(first)?.[1] ?? []);
}

function isRule(line: string): boolean {
  return /^\|[-:| ]+\|$/.test(line);
}
