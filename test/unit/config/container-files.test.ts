import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type OptionKey, optionList, options } from "../../../src/config/options.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const read = (name: string): string => readFileSync(join(root, name), "utf8");
const dockerfile = read("Dockerfile");
const compose = read("docker-compose.cluster.yml");

describe("the container files", () => {
  it("set only environment variables that are options", () => {
    const known = new Set(optionList.map(([, spec]) => spec.env));
    const used = [...`${dockerfile}\n${compose}`.matchAll(/\b(FLOCKMQ_[A-Z_]+)[=:] ?/g)];
    const names = [...new Set(used.map((match) => match[1] ?? ""))];
    expect(names.length).toBeGreaterThan(5);
    // Read by docker-compose, never by a node.
    expect(names.filter((name) => !known.has(name) && name !== "FLOCKMQ_PUBLISH")).toEqual([]);
  });

  it("keep the ports of the options", () => {
    const faces: readonly OptionKey[] = ["mqtt", "ws", "http", "peer"];
    const defaults = faces.map((key) => (options[key].defaultValue as { port: number }).port);
    expect(/^EXPOSE (.*)$/m.exec(dockerfile)?.[1]).toBe(defaults.join(" "));
    for (const [i, face] of faces.entries()) {
      expect(dockerfile).toContain(`FLOCKMQ_${face.toUpperCase()}=0.0.0.0:${defaults[i]}`);
    }
  });

  it("publish nothing beyond this machine unless asked to", () => {
    const published = [...compose.matchAll(/^ +- "([^"]+)"$/gm)].map((match) => match[1] ?? "");
    expect(published).toHaveLength(9);
    for (const port of published) {
      expect(port.startsWith(["$", "{FLOCKMQ_PUBLISH:-127.0.0.1}:"].join(""))).toBe(true);
    }
  });

  it("copy only what .dockerignore lets through", () => {
    const allowed = new Set(
      [...read(".dockerignore").matchAll(/^!(.+)$/gm)].map(([, path]) => path),
    );
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, sources = ""]) => sources.split(" "),
    );
    expect(copied).toContain("src");
    expect(copied.filter((path) => !allowed.has(path))).toEqual([]);
  });
});
