import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { optionsDocument } from "../../../src/config/options-document.ts";

test("docs/options.md is what the table of options says (node scripts/gen-options-doc.ts)", () => {
  const path = new URL("../../../docs/options.md", import.meta.url);
  expect(readFileSync(path, "utf8")).toBe(optionsDocument());
});
