import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../cluster/drivers/system-clock.ts";
import { ClientAccess } from "../../src/access/client-access.ts";
import { readDocument } from "../support/documents.ts";
import { silentLog } from "../support/silent-log.ts";
import { conformanceUsers } from "../support/users.ts";
import { WireBroker } from "../support/wire-broker.ts";
import { sourceFiles } from "../tidy/source-tree.ts";
import { chapters } from "./cases.ts";
import { conformancePage } from "./page.ts";
import { type CaseResult, runCases, runsOf } from "./run.ts";
import { numbersOf, proofsOf, readStatements, standards } from "./statements.ts";

const statements = readStatements();
const cases = chapters.flatMap((chapter) => chapter.cases);

describe("the statements", () => {
  test("are those of appendix B, each once", () => {
    const count = (standard: string) =>
      new Set(statements.filter((each) => each.standard === standard).map(({ number }) => number))
        .size;
    expect([count("3.1.1"), count("5.0")]).toEqual([141, 251]);
    expect(statements).toHaveLength(141 + 251);
    expect(statements.filter(({ summary }) => summary.length < 10)).toEqual([]);
  });

  test("have a test or a reason why not, never both", () => {
    const odd = statements.filter(
      (statement) =>
        (statement.exemption === null) === (proofsOf(statement, chapters).length === 0),
    );
    expect(odd.map(({ standard, number }) => `${standard} ${number}`)).toEqual([]);
  });

  test("that tests name exist", () => {
    for (const standard of standards) {
      const known = new Set(
        statements.filter((each) => each.standard === standard).map(({ number }) => number),
      );
      const unknown = cases.flatMap((each) =>
        numbersOf(each, standard).filter((number) => !known.has(number)),
      );
      expect(unknown, standard).toEqual([]);
    }
  });

  test("that the source names exist", () => {
    const known = new Set(statements.map(({ number }) => number));
    const unknown = sourceFiles("src", "test").flatMap(({ path, text }) =>
      [...text.matchAll(/\[MQTT-([\d.-]+)\]/g)]
        .map((match) => match[1] ?? "")
        .filter((number) => !known.has(number))
        .map((number) => `${path}: ${number}`),
    );
    expect(unknown).toEqual([]);
  });

  test("stand in docs/conformance.md", () => {
    expect(readDocument("docs/conformance.md")).toBe(conformancePage(chapters));
  });

  test("names of tests are unique", () => {
    const names = cases.map(({ name }) => name);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });
});

describe("one broker", () => {
  const directory = mkdtempSync(join(tmpdir(), "flockmq-conformance-"));
  const usersFile = join(directory, "users");
  writeFileSync(usersFile, conformanceUsers, { mode: 0o600 });
  const { authenticator, authorizer } = new ClientAccess({
    ...{ usersFile, isAnonymousAllowed: true, clock: systemClock, log: silentLog },
  });
  const wire = new WireBroker({}, { authenticator, authorizer });
  const runs = runsOf(cases.filter(({ isSlow }) => isSlow !== true));
  let results: CaseResult[] = [];

  beforeAll(async () => {
    await wire.start();
    const node = { host: "127.0.0.1", mqtt: wire.port, ws: wire.webSocketPort };
    results = await runCases(runs, [node], 16);
  }, 60_000);

  afterAll(async () => {
    await wire.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test.each(runs.map((run, at) => ({ name: `${run.case.name} (${run.version})`, at })))(
    "$name",
    ({ at }) => {
      expect(results[at]?.failure).toBeNull();
    },
  );

  test("has no fault of its own", () => {
    expect(wire.broker.counters.internalErrors).toBe(0);
    expect(wire.log.errors).toEqual([]);
  });
});
