import { describe, expect, test } from "vitest";
import { clusterErrorCodes } from "../../../cluster/errors.ts";
import { brokerErrorCodes } from "../../../src/broker/errors.ts";
import { exitCodes } from "../../../src/cli/exit-codes.ts";
import { ReasonCode } from "../../../src/mqtt/reason-code.ts";
import { readDocument, rowNames, sectionOf } from "../../support/documents.ts";
import { codeOf, sourceFiles } from "../../tidy/source-tree.ts";

const page = readDocument("docs/errors.md");
const src = sourceFiles("src");

/** Reason codes that some part of the broker names, by way of `ReasonCode`. */
function reasonCodesInUse(): string[] {
  const names = src
    .filter(({ path }) => path !== "src/mqtt/reason-code.ts")
    .flatMap(({ text }) => [...codeOf(text).matchAll(/\bReasonCode\.(\w+)/g)])
    .map((match) => match[1] as keyof typeof ReasonCode);
  const codes = new Set(names.map((name) => ReasonCode[name]));
  return [...codes].sort((a, b) => a - b).map(hex);
}

function hex(code: number): string {
  return `0x${code.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** Numbers that end the process in the code of `flockmq`. */
function processExitCodes(): string[] {
  const codes = src
    .filter(({ path }) => !path.startsWith("src/cli/"))
    .flatMap(({ text }) => [
      ...codeOf(text).matchAll(/(?:process\.exit\(|exitCode: |exitCode = )([\d |=]+)/g),
    ])
    .flatMap((match) => match[1]?.match(/\d+/g) ?? []);
  return [...new Set(codes)].sort();
}

describe("docs/errors.md", () => {
  test.each([
    ["ClusterError", clusterErrorCodes],
    ["BrokerError", brokerErrorCodes],
  ])("lists every code of %s, in the order of the source", (title, codes) => {
    expect(rowNames(sectionOf(page, title))).toEqual(codes);
  });

  test("lists the exit codes of both programs", () => {
    expect(rowNames(sectionOf(page, "Exit codes of `flockmq`"))).toEqual(processExitCodes());
    const codes = [...new Set(Object.values(exitCodes))].sort().map(String);
    expect(rowNames(sectionOf(page, "Exit codes of `cluster`"))).toEqual(codes);
  });

  test("lists every MQTT reason code that is sent, and no other", () => {
    expect(rowNames(sectionOf(page, "MQTT reason codes"))).toEqual(reasonCodesInUse());
  });
});
