import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runScript } from "../support/raft/script-runner.ts";

/**
 * Each script states one claim and shows what nodes do, message by message. `REWRITE=1` writes down what they do now: read
 * the difference, and commit it only if the claim still stands.
 */
const folder = join(import.meta.dirname, "raft");

for (const name of readdirSync(folder).filter((file) => file.endsWith(".txt"))) {
  test(name.replaceAll("_", " ").replace(/\.txt$/, ""), () => {
    const path = join(folder, name);
    const script = readFileSync(path, "utf8");
    const outcome = runScript(script);
    if (process.env["REWRITE"] === "1") {
      writeFileSync(path, outcome);
    }
    expect(outcome).toBe(process.env["REWRITE"] === "1" ? outcome : script);
  });
}
