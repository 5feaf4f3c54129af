import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createSecret, loadSecret } from "../../../src/config/secret.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const text = "sixteen bytes at least";

test("the first start makes a secret that only its owner can read; later starts read it", () => {
  const dataRoot = join(temporaryDirectory(), "new", "root");
  const first = loadSecret({ text: null, file: null, dataRoot });
  expect(first.isNew).toBe(true);
  expect(Buffer.from(first.bytes).toString()).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(join(dataRoot, "cluster.secret")).mode & 0o777).toBe(0o600);
  const second = loadSecret({ text: null, file: null, dataRoot });
  expect(second.isNew).toBe(false);
  expect(second.bytes).toEqual(first.bytes);
  expect(readdirSync(dataRoot)).toEqual(["cluster.secret"]);
});

test("an existing secret is never replaced", () => {
  const path = join(temporaryDirectory(), "s");
  expect(createSecret(path)).toBe(true);
  expect(createSecret(path)).toBe(false);
});

test("a file or the environment gives it instead, line ends apart", () => {
  const dataRoot = temporaryDirectory();
  const file = join(dataRoot, "s");
  writeFileSync(file, `${text}\r\n`, { mode: 0o600 });
  const fromFile = loadSecret({ text: null, file, dataRoot });
  const fromText = loadSecret({ text, file: null, dataRoot });
  expect(fromFile.bytes).toEqual(fromText.bytes);
  expect(fromText.path).toBeNull();
  expect(readdirSync(dataRoot)).toEqual(["s"]);
});

test("a secret that is too short, or cannot be read, is an error that names it", () => {
  const dataRoot = temporaryDirectory();
  const file = join(dataRoot, "s");
  const load = () => loadSecret({ text: null, file, dataRoot });
  expect(load).toThrow(`--cluster-secret-file: cannot read ${file} (ENOENT)`);
  writeFileSync(file, "short\n");
  expect(load).toThrow("expected a secret of 16 to 4096 bytes, not 5");
  expect(() => loadSecret({ text: "x", file: null, dataRoot })).toThrow("FLOCKMQ_CLUSTER_SECRET");
});

test("a secret that others can read is warned of", () => {
  const dataRoot = temporaryDirectory();
  const file = join(dataRoot, "s");
  writeFileSync(file, text);
  chmodSync(file, 0o644);
  expect(loadSecret({ text: null, file, dataRoot }).warnings[0]).toContain("chmod 600");
});
