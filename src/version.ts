import { readFileSync } from "node:fs";

/** From package.json, which stands one level above `src/` as well as above `dist/`. */
export const version: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version: unknown }).version);
}
