import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const entry = fileURLToPath(new URL("../../../src/node.ts", import.meta.url));

/** At the end of the process: makes objects at one place that all live on, until V8 has seen it, and then some more. */
const probe = `process.once("exit", () => {
  const make = () => ({ inner: [1, 2] });
  const kept = [];
  for (let round = 0; round < 20; round++) {
    for (let count = 0; count < 20_000; count++) kept.push(make());
    gc({ type: "minor" });
  }
  let young = 0;
  for (let count = 0; count < 100; count++) if (%InYoungGeneration(make())) young++;
  process.stdout.write(young + " of 100 are young");
});`;

test("what a node makes is young at first, however long what was made at the same place before has lived", () => {
  const flags = ["--experimental-strip-types", "--no-warnings", "--conditions=flockmq-source"];
  const probing = ["--expose-gc", "--allow-natives-syntax", "--import"];
  const module = `data:text/javascript,${encodeURIComponent(probe)}`;
  const printed = execFileSync(
    process.execPath,
    [...flags, ...probing, module, entry, "--version"],
    {
      encoding: "utf8",
    },
  );
  expect(printed).toContain("100 of 100 are young");
});
