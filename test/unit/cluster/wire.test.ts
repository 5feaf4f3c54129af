import { describe, expect, test } from "vitest";
import { AgreedState } from "../../../cluster/agreed/agreed-state.ts";
import { decodeJoinWish } from "../../../cluster/drivers/formation.ts";
import { checkBatch, decodeBatch, encodeBatch } from "../../../cluster/wire/batch-codec.ts";
import { decodeRecords, encodeRecords } from "../../../cluster/wire/records-codec.ts";
import { MapMachine } from "../../support/map-machine.ts";
import { seededRandom } from "../../support/memory-harness.ts";
import { idOf } from "../../support/peer-network.ts";

const origin = idOf(1);

describe("a command batch", () => {
  const commands = [
    { tag: 0 as const, bytes: Buffer.from("a=1") },
    { tag: 1 as const, bytes: Buffer.from("no record") },
    { tag: 0 as const, bytes: Buffer.from("b=2") },
  ];
  const batch = { origin, incarnation: 1, seq: 1, timeMs: 7, commands };

  test("comes back as it went", () => {
    expect(decodeBatch(encodeBatch(batch))).toEqual(batch);
  });

  test("damaged anywhere: the check finds what decoding would find, and nothing else", () => {
    const random = seededRandom(3);
    const whole = encodeBatch(batch);
    const outcome = (read: () => unknown): string => {
      try {
        read();
        return "read";
      } catch (error) {
        return (error as { code?: string }).code ?? "thrown";
      }
    };
    for (let i = 0; i < 2000; i++) {
      const bytes = Buffer.from(whole.subarray(0, Math.floor(random() * (whole.length + 1))));
      const at = Math.floor(random() * bytes.length);
      if (bytes.length > 0) bytes[at] = Math.floor(random() * 256);
      const checked = outcome(() => checkBatch(bytes));
      expect(checked).toBe(outcome(() => decodeBatch(bytes)));
      expect(["read", "frame-malformed"]).toContain(checked);
    }
  });

  test("with a member record that cannot be read is applied without it", () => {
    const agreed = new AgreedState(new MapMachine());
    for (const { key, value } of agreed.foundingRecords({
      nodeId: origin,
      name: "n1",
      addresses: [],
    })) {
      if (value !== null) agreed.restore(key, value);
    }
    expect(agreed.applyBatch(encodeBatch(batch), 2)?.results).toEqual([null, null, null]);
    expect(agreed.member(origin)).toEqual({ nodeId: origin, name: "n1", addresses: [] });
  });
});

test("state records come back as they went; cut ones are refused", () => {
  const records = [
    { key: "a/ü", value: Buffer.from("1") },
    { key: "k/time", value: Buffer.alloc(0) },
  ];
  const bytes = encodeRecords(records);
  expect(decodeRecords(bytes)).toEqual(records);
  expect(() => decodeRecords(bytes.subarray(0, -1))).toThrow("malformed");
});

test("a join request is bounded", () => {
  const wish = (fields: object): Uint8Array =>
    Buffer.from(JSON.stringify({ nodeId: origin, name: null, addresses: [], ...fields }));
  const addresses = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}:7001`);
  expect(decodeJoinWish(wish({ addresses })).addresses).toHaveLength(16);
  for (const fields of [
    { name: "n".repeat(300) },
    { addresses: ["h".repeat(300)] },
    { nodeId: "1" },
    { replaces: "1" },
  ]) {
    expect(() => decodeJoinWish(wish(fields))).toThrow("join request");
  }
});
