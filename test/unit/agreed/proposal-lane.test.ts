import { describe, expect, test } from "vitest";
import { applicationCommand, ProposalLane } from "../../../cluster/agreed/proposal-lane.ts";
import { decodeBatch } from "../../../cluster/wire/batch-codec.ts";

const nodeId = "a".repeat(32);

function lane(overrides: Partial<ConstructorParameters<typeof ProposalLane>[0]> = {}) {
  const subject = new ProposalLane({
    nodeId,
    incarnation: 3,
    batchSizeBytesMax: 100,
    batchesInflightMax: 2,
    batchesUngatheredMax: 2,
    gatheredSizeBytes: 40,
    pendingSizeBytesMax: 1000,
    commandSizeBytesMax: 500,
    ...overrides,
  });
  const outcomes: string[] = [];
  const add = (text: string, deadlineMs = 1000): void => {
    subject.add(applicationCommand(Buffer.from(text)), deadlineMs, (outcome) => {
      const result = outcome.status === "applied" ? `=${outcome.result}` : ` ${outcome.reason}`;
      outcomes.push(`${text} ${outcome.status}${result}`);
    });
  };
  const sent = (): string[] =>
    subject.takeFrames().map((frame) => {
      const { seq, commands } = decodeBatch(frame);
      return `${seq}:${commands.map((command) => Buffer.from(command.bytes)).join("+")}`;
    });
  const apply = (seq: number, ...results: unknown[]): void =>
    subject.applied({ origin: nodeId, incarnation: 3, seq, results }, 100 + seq);
  return { subject, outcomes, add, sent, apply };
}

describe("a proposal lane", () => {
  test("opens with an empty batch that announces the start", () => {
    expect(lane().sent()).toEqual(["1:"]);
  });

  test("puts all that waits into one batch and settles each command with its own result", () => {
    const { add, sent, apply, outcomes, subject } = lane();
    add("x");
    add("y");
    expect(sent()).toEqual(["1:x+y"]);
    apply(1, "rx", "ry");
    expect(outcomes).toEqual(["x applied=rx", "y applied=ry"]);
    expect(subject.isIdle).toBe(true);
    expect(subject.pendingSizeBytes).toBe(0);
  });

  test("keeps to its window and sends each batch once", () => {
    const { add, sent, apply } = lane();
    add("x");
    expect(sent()).toEqual(["1:x"]);
    add("y");
    expect(sent()).toEqual(["2:y"]);
    add("z");
    expect(sent()).toEqual([]);
    apply(1, 0);
    expect(sent()).toEqual(["3:z"]);
  });

  test("gathers what comes while batches are under way, until one is applied or there is enough", () => {
    const { add, sent, apply } = lane({ batchesInflightMax: 4, gatheredSizeBytes: 5 });
    add("x");
    sent();
    add("y");
    sent();
    add("zz");
    add("uu");
    expect(sent()).toEqual([]);
    apply(1, 0);
    expect(sent()).toEqual(["3:zz+uu"]);
    add("vvv");
    expect(sent()).toEqual([]);
    add("ww");
    expect(sent()).toEqual(["4:vvv+ww"]);
  });

  test("gathers anew when what waited has expired", () => {
    const { add, sent, subject } = lane({ batchesInflightMax: 4, gatheredSizeBytes: 5 });
    add("x");
    sent();
    add("y");
    sent();
    add("1234", 50);
    subject.expire(60);
    add("zz");
    expect(sent()).toEqual([]);
    add("uuu");
    expect(sent()).toEqual(["3:zz+uuu"]);
  });

  test("sends everything not yet applied again after a rewind, in order and unchanged", () => {
    const { add, sent, apply, subject } = lane();
    add("x");
    sent();
    add("y");
    sent();
    apply(1, 0);
    subject.rewind();
    expect(sent()).toEqual(["2:y"]);
    subject.rewind();
    expect(sent()).toEqual(["2:y"]);
  });

  test("tells a caller whose time is up 'unknown', and still counts its batch when it is applied", () => {
    const { add, sent, apply, subject, outcomes } = lane();
    add("x", 50);
    sent();
    subject.expire(60);
    expect(outcomes).toEqual(["x unknown timeout"]);
    apply(1, "rx");
    expect(outcomes).toEqual(["x unknown timeout"]);
  });

  test("refuses what is too large or too much, at once", () => {
    const { add, outcomes } = lane({ pendingSizeBytesMax: 10, commandSizeBytesMax: 8 });
    add("123456789");
    add("1234567");
    add("1234");
    expect(outcomes).toEqual(["123456789 rejected too-large", "1234 rejected overloaded"]);
  });

  test("splits what waits at the batch size", () => {
    const { add, sent } = lane({ batchSizeBytesMax: 4 });
    add("abc");
    add("def");
    expect(sent()).toEqual(["1:abc", "2:def"]);
  });

  test("after a snapshot settles what the state already holds and resends the rest", () => {
    const { add, sent, subject, outcomes } = lane();
    add("x");
    sent();
    add("y");
    sent();
    subject.appliedUnseen(1);
    expect(outcomes).toEqual(["x unknown timeout"]);
    expect(sent()).toEqual(["2:y"]);
  });

  test("forgets its callers and not their commands, and takes later ones", () => {
    const { add, sent, apply, subject, outcomes } = lane({ batchesInflightMax: 1 });
    add("x");
    sent();
    add("y");
    subject.forgetCallers();
    expect(outcomes.splice(0)).toEqual(["x unknown stopped", "y unknown stopped"]);
    apply(1, "rx");
    add("z");
    expect(sent()).toEqual(["2:y+z"]);
    apply(2, "ry", "rz");
    expect(outcomes).toEqual(["z applied=rz"]);
    expect(subject.pendingSizeBytes).toBe(0);
  });

  test("when closed refuses what was never sent and does not know about the rest", () => {
    const { add, sent, subject, outcomes } = lane({ batchesInflightMax: 1 });
    add("x");
    sent();
    add("y");
    subject.close();
    add("z");
    expect(outcomes).toEqual(["y rejected stopped", "x unknown stopped", "z rejected stopped"]);
  });
});
