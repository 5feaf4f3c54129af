import { readFileSync } from "node:fs";
import { join } from "node:path";

export function tlsFixture(name: string): string {
  return join(import.meta.dirname, "../fixtures/tls", name);
}

export function readTls(name: string): string {
  return readFileSync(tlsFixture(name), "utf8");
}
