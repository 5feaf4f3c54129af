import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../../src/config/config.ts";
import { type DataDirectories, dataDirectories } from "../../../src/config/data-directory.ts";
import { readPorts, writePorts } from "../../../src/config/saved-ports.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function directories(...argv: readonly string[]): DataDirectories {
  const result = loadConfig(argv, {}, "0.1.0");
  if (result.kind !== "loaded") {
    throw new Error("expected a configuration");
  }
  return dataDirectories(result);
}

test("existing data directories are tried before new ones, in the order of their numbers", () => {
  const root = temporaryDirectory();
  for (const name of ["n10", "n2", "other", "n0"]) {
    mkdirSync(join(root, name));
  }
  const { candidates, isFixed } = directories("--data-root", root);
  expect(candidates.slice(0, 4)).toEqual(["n2", "n10", "n1", "n3"].map((name) => join(root, name)));
  expect(isFixed).toBe(false);
});

test("one that was asked for, by itself or by the node's name, is the only one", () => {
  const root = temporaryDirectory();
  expect(directories("--data-root", root, "--name", "west")).toMatchObject({
    candidates: [join(root, "west")],
    isFixed: true,
  });
  expect(directories("--data-dir", join(root, "a"))).toMatchObject({
    candidates: [join(root, "a")],
    isFixed: true,
    siblingRoot: root,
  });
});

test("ports are remembered; what is no port is not", () => {
  const directory = temporaryDirectory();
  expect(readPorts(directory)).toBeNull();
  const ports = { mqtt: 1884, ws: 8084, http: 8081, peer: 7002 };
  writePorts(directory, ports);
  expect(readPorts(directory)).toEqual(ports);
  writeFileSync(join(directory, "ports.json"), '{"mqtt": "1883", "http": 70000, "peer": 7001}');
  expect(readPorts(directory)).toEqual({ peer: 7001 });
  writeFileSync(join(directory, "ports.json"), "{");
  expect(readPorts(directory)).toBeNull();
});
