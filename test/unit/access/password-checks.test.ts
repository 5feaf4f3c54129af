import { expect, test } from "vitest";
import { accessLimits } from "../../../src/access/limits.ts";
import { PasswordChecks } from "../../../src/access/password-checks.ts";
import { parseScramRecord } from "../../../src/access/scram-record.ts";
import { scramRecordText } from "../../support/users.ts";

function recordOf(password: string) {
  const record = parseScramRecord(scramRecordText(password));
  if (typeof record === "string") throw new Error(record);
  return record;
}

const record = recordOf("right");
const right = Buffer.from("right");

test("what was right is remembered until the record changes, what was wrong never", async () => {
  const checks = new PasswordChecks();
  expect(await checks.check("joe", record, Buffer.from("wrong"))).toBe("wrong");
  expect(await checks.check("joe", record, right)).toBe("right");
  expect(checks.derivationCount).toBe(2);
  expect(await checks.check("joe", record, right)).toBe("right");
  expect(checks.derivationCount).toBe(2);
  expect(await checks.check("joe", record, Buffer.from("wrong"))).toBe("wrong");
  expect(await checks.check("joe", recordOf("new"), right)).toBe("wrong");
  expect(await checks.check("ann", record, right)).toBe("right");
  expect(checks.derivationCount).toBe(5);
});

test("a storm waits in a line with an end, a few at a time, and each gets its own verdict", async () => {
  const checks = new PasswordChecks();
  const most = accessLimits.checksWaitingMax + accessLimits.checksAtOnceMax;
  const verdicts = Array.from({ length: most + 50 }, (_, at) =>
    checks.check(`u${at}`, record, at % 2 === 0 ? right : Buffer.from("wrong")),
  );
  expect(checks.waitingCount).toBe(accessLimits.checksWaitingMax);
  const all = await Promise.all(verdicts);
  expect(all.slice(most)).toEqual(Array(50).fill("busy"));
  expect(
    all.slice(0, most).every((verdict, at) => verdict === (at % 2 === 0 ? "right" : "wrong")),
  ).toBe(true);
  expect(checks.waitingCount).toBe(0);
});

test("a password without an end is wrong without work", async () => {
  const checks = new PasswordChecks();
  expect(await checks.check("joe", record, Buffer.alloc(60_000, 0x61))).toBe("wrong");
  expect(checks.derivationCount).toBe(0);
});
