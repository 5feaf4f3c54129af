import { describe, expect, test } from "vitest";
import { codeOf, importCycles, type SourceFile, sourceFiles } from "./source-tree.ts";

const cluster = sourceFiles("cluster");
const src = sourceFiles("src");
const product = [...cluster, ...src];
const all = [...product, ...sourceFiles("test", "scripts")];

/** Synchronous state machines: time, randomness and I/O come in as arguments. */
const pureFolders = [
  "cluster/raft/",
  "cluster/gossip/",
  "cluster/members/",
  "cluster/agreed/",
  "cluster/wire/",
  "src/mqtt/",
  "src/session/",
  "src/routing/",
  "src/replica/",
  "src/dashboard/model/",
  "src/query/",
];
const isPure = (file: SourceFile): boolean =>
  pureFolders.some((folder) => file.path.startsWith(folder));

/** Files over the limit of 500 lines, each with its reason. The list may only shrink. */
const longFiles: Record<string, string> = {};

function violations(
  files: readonly SourceFile[],
  find: (file: SourceFile) => readonly string[],
): string[] {
  return files.flatMap((file) => find(file).map((what) => `${file.path}: ${what}`));
}

test("the scan sees the whole tree", () => {
  expect(cluster.length).toBeGreaterThan(60);
  expect(src.length).toBeGreaterThan(60);
  expect(product.flatMap((file) => file.imports).length).toBeGreaterThan(300);
});

describe("imports", () => {
  test("the cluster library imports nothing of the broker", () => {
    expect(
      violations(cluster, (file) =>
        file.imports
          .filter(
            ({ target, specifier }) => target?.startsWith("src/") || specifier.startsWith("#"),
          )
          .map(({ specifier }) => specifier),
      ),
    ).toEqual([]);
  });

  test("the broker reaches the cluster library through its one door", () => {
    expect(
      violations(src, (file) =>
        file.imports
          .filter(({ target }) => target !== null && !target.startsWith("src/"))
          .map(({ specifier }) => specifier),
      ),
    ).toEqual([]);
  });

  test("the dashboard and the node share no code: what one needs of the other goes over HTTP", () => {
    const isInside = (path: string): boolean => path.startsWith("src/dashboard/");
    expect(
      violations(src, (file) =>
        file.imports
          .filter(({ target }) => target !== null && isInside(target) !== isInside(file.path))
          .map(({ specifier }) => specifier),
      ),
    ).toEqual([]);
  });

  test("no file imports the index of its own folder", () => {
    expect(
      violations(product, (file) =>
        file.imports
          .filter(({ specifier }) => specifier === "./index.ts")
          .map(({ specifier }) => specifier),
      ),
    ).toEqual([]);
  });

  test("there are no cycles", () => {
    expect(importCycles(product)).toEqual([]);
  });

  test.each([
    [
      "libp2p stays inside the transport",
      /^(libp2p|@libp2p\/|@chainsafe\/|@multiformats\/)/,
      /^cluster\/transport\/(libp2p|identity)/,
    ],
    [
      "LevelDB stays inside the storage folder",
      /^(level|classic-level|abstract-level)$/,
      /^cluster\/storage\//,
    ],
    ["mqtt-packet stays inside the codec", /^mqtt-packet$/, /^src\/mqtt\//],
    ["fastify stays inside the API", /^(fastify|@fastify\/)/, /^src\/api\//],
    [
      "preact and uPlot stay inside the dashboard",
      /^(preact|@preact\/|uplot)/,
      /^src\/dashboard\//,
    ],
  ])("%s", (_claim, name, allowed) => {
    expect(
      violations(product, (file) =>
        allowed.test(file.path)
          ? []
          : file.imports
              .filter(({ specifier }) => name.test(specifier))
              .map(({ specifier }) => specifier),
      ),
    ).toEqual([]);
  });

  test("there are no default exports", () => {
    expect(
      violations(product, (file) =>
        /^export default/m.test(codeOf(file.text)) ? ["default export"] : [],
      ),
    ).toEqual([]);
  });
});

describe("pure folders", () => {
  const pure = product.filter(isPure);

  test("exist", () => {
    for (const folder of pureFolders) {
      expect(
        pure.some((file) => file.path.startsWith(folder)),
        folder,
      ).toBe(true);
    }
  });

  test("import no part of Node and no driver", () => {
    expect(
      violations(pure, (file) =>
        file.imports
          .filter(
            ({ specifier, target, isTypeOnly }) =>
              specifier.startsWith("node:") ||
              (!isTypeOnly &&
                /\/(drivers|transport|storage|broker|listeners|api)\//.test(target ?? "")),
          )
          .map(({ specifier }) => specifier),
      ),
    ).toEqual([]);
  });

  test("name no clock, no randomness, no timer and no process", () => {
    const banned =
      /\b(Date\b|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|process\.|performance\.|crypto\.|await\b|async\b|Promise\b)/g;
    expect(violations(pure, (file) => codeOf(file.text).match(banned) ?? [])).toEqual([]);
  });

  test("keep no state in the module", () => {
    expect(
      violations(pure, (file) =>
        codeOf(file.text)
          .split("\n")
          .filter((line) => /^(export )?(let|var) /.test(line)),
      ),
    ).toEqual([]);
  });
});

describe("size", () => {
  test("no file is longer than 500 lines, except those listed with a reason", () => {
    const long = all
      .filter((file) => file.text.split("\n").length > 501 && !(file.path in longFiles))
      .map((file) => `${file.path}: ${file.text.split("\n").length - 1} lines`);
    expect(long).toEqual([]);
    const known = new Set(all.map((file) => file.path));
    expect(Object.keys(longFiles).filter((path) => !known.has(path))).toEqual([]);
  });

  test("the median product file has at most 150 lines", () => {
    const lengths = product.map((file) => file.text.split("\n").length - 1).sort((a, b) => a - b);
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(150);
  });
});

describe("words", () => {
  test("nothing is left open in the code", () => {
    const open = new RegExp(
      `\\b(${["TO", "FIX", "XX", "HA"].map((half, i) => half + ["DO", "ME", "X", "CK"][i]).join("|")})\\b`,
    );
    expect(
      violations(product, (file) => file.text.split("\n").filter((line) => open.test(line))),
    ).toEqual([]);
  });

  test("no test is skipped or narrowed", () => {
    const narrowed = new RegExp(
      `\\b(it|test|describe)\\.(${["skip", "only", "todo", "fails"].join("|")})\\b`,
    );
    expect(
      violations(
        all.filter((file) => file.path.startsWith("test/") && !file.path.startsWith("test/tidy/")),
        (file) => file.text.split("\n").filter((line) => narrowed.test(line)),
      ),
    ).toEqual([]);
  });

  test("no test waits a fixed time", () => {
    const wait = /await (sleep|delay|setTimeout)\(/;
    expect(
      violations(
        all.filter((file) => file.path.startsWith("test/") && !file.path.startsWith("test/tidy/")),
        (file) => file.text.split("\n").filter((line) => wait.test(line)),
      ),
    ).toEqual([]);
  });

  test("names end in what a thing is, not in Manager, Helper, Util, Impl, Data or Info", () => {
    const vague =
      /\b(?:class|interface|type|function)\s+(\w*(?:Manager|Helper|Utils?|Impl|Info))\b/g;
    expect(violations(product, (file) => codeOf(file.text).match(vague) ?? [])).toEqual([]);
  });
});
