import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Chapter, ConformanceCase } from "./case.ts";

export type Standard = "3.1.1" | "5.0";
export const standards: readonly Standard[] = ["3.1.1", "5.0"];

export interface Statement {
  readonly standard: Standard;
  /** Without "MQTT-" and brackets. */
  readonly number: string;
  readonly summary: string;
  /** Why no test proves it; null when one must. */
  readonly exemption: string | null;
}

const bindsClients = "It binds clients, and a server does not see whether they keep it.";

/** All numbered statements of both versions, from `statements.txt`, in its order. */
export function readStatements(): Statement[] {
  const text = readFileSync(join(import.meta.dirname, "statements.txt"), "utf8");
  return text.split("\n# MQTT ").slice(1).flatMap(readSection);
}

function readSection(section: string): Statement[] {
  const [title = "", ...lines] = section.split("\n");
  const standard = standards.find((name) => name === title);
  if (standard === undefined) throw new Error(`statements.txt has a section "${title}"`);
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const [number = "", summary = "", exemption] = line.split(" | ");
      const reason = exemption === "client" ? bindsClients : (exemption ?? null);
      return { standard, number, summary, exemption: reason };
    });
}

/** The numbers of one standard that a case names. */
export function numbersOf(each: ConformanceCase, standard: Standard): readonly string[] {
  return (standard === "5.0" ? each.v5 : each.v3) ?? [];
}

/** The cases that name a statement, in the order of the suite. */
export function proofsOf(
  { standard, number }: Pick<Statement, "standard" | "number">,
  chapters: readonly Chapter[],
): ConformanceCase[] {
  return chapters
    .flatMap((chapter) => chapter.cases)
    .filter((each) => numbersOf(each, standard).includes(number));
}
