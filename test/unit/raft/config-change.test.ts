import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { changeConfiguration } from "../../../cluster/raft/config-change.ts";
import {
  decodeConfigChange,
  encodeConfigChange,
} from "../../../cluster/raft/config-change-codec.ts";
import { ConfigurationHistory } from "../../../cluster/raft/configuration.ts";
import type { ConfigChange, Configuration, MembershipStep } from "../../../cluster/raft/types.ts";
import { configurationOf, nodeIdOf } from "../../support/raft/nodes.ts";

const types = ["addVoter", "addLearner", "remove"] as const;

function step(type: MembershipStep["type"], number: number): MembershipStep {
  return { type, nodeId: nodeIdOf(number) };
}

function change(...steps: MembershipStep[]): ConfigChange {
  return { type: "change", steps, context: new Uint8Array(0) };
}

function changed(current: Configuration, ...steps: MembershipStep[]): Configuration {
  const result = changeConfiguration(current, change(...steps));
  if (result.status === "refused") {
    throw new Error(result.problem);
  }
  return result.configuration;
}

describe("changeConfiguration", () => {
  test("one voter more or less is a simple change", () => {
    const grown = changed(configurationOf([1], [2]), step("addVoter", 2));
    expect(grown).toEqual(configurationOf([1, 2]));
    expect(changed(grown, step("remove", 1))).toEqual(configurationOf([2]));
    expect(changed(grown, step("addLearner", 1))).toEqual(configurationOf([2], [1]));
  });

  test("more voters go through a joint configuration, and a demoted one learns only after it", () => {
    const current = configurationOf([1, 2, 3], [4]);
    const joint = changed(current, step("addVoter", 4), step("addLearner", 3));
    expect(joint).toEqual({
      voters: [1, 2, 4].map(nodeIdOf),
      votersOutgoing: [1, 2, 3].map(nodeIdOf),
      learners: [],
      learnersNext: [nodeIdOf(3)],
    });
    const left = changeConfiguration(joint, { type: "leaveJoint" });
    expect(left).toEqual({ status: "ok", configuration: configurationOf([1, 2, 4], [3]) });
  });

  test.each([
    ["the change is empty", []],
    ["no voter would be left", [step("remove", 1)]],
    ["not a member", [step("remove", 9)]],
    ["twice", [step("addLearner", 2), step("addVoter", 2)]],
  ])("refuses: %s", (problem, steps) => {
    const result = changeConfiguration(configurationOf([1]), change(...steps));
    expect(result).toMatchObject({ status: "refused" });
    expect(result.status === "refused" && result.problem).toContain(problem);
  });

  test("a joint configuration takes no other change, a plain one cannot be left", () => {
    const joint = changed(configurationOf([1]), step("addVoter", 2), step("addVoter", 3));
    expect(changeConfiguration(joint, change(step("addLearner", 4))).status).toBe("refused");
    expect(changeConfiguration(configurationOf([1]), { type: "leaveJoint" }).status).toBe(
      "refused",
    );
  });

  test("any change leads to the voters and learners that its steps name", () => {
    const anyStep = fc.record({
      type: fc.constantFrom(...types),
      number: fc.integer({ min: 1, max: 6 }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(anyStep, { selector: (one) => one.number }), (steps) => {
        const current = configurationOf([1, 2, 3], [4]);
        const asked = steps.map(({ type, number }) => step(type, number));
        const result = changeConfiguration(current, change(...asked));
        if (result.status === "refused") {
          return;
        }
        const { configuration } = result;
        const final =
          configuration.votersOutgoing.length === 0
            ? result
            : changeConfiguration(configuration, { type: "leaveJoint" });
        const wanted = { addVoter: "voters", addLearner: "learners", remove: null } as const;
        for (const { type, nodeId } of asked) {
          const { voters, learners } = (final as typeof result).configuration;
          expect(voters.includes(nodeId)).toBe(wanted[type] === "voters");
          expect(learners.includes(nodeId)).toBe(wanted[type] === "learners");
        }
      }),
    );
  });
});

describe("codec", () => {
  test("what is encoded comes back", () => {
    const changes: ConfigChange[] = [
      { type: "leaveJoint" },
      change(),
      {
        type: "change",
        steps: [step("addVoter", 1), step("addLearner", 2), step("remove", 3)],
        context: Uint8Array.of(1, 2, 3),
      },
    ];
    for (const one of changes) {
      expect(decodeConfigChange(encodeConfigChange(one))).toEqual(one);
    }
  });

  test("bytes that are no change give frame-malformed and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeConfigChange(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: "frame-malformed" });
        }
      }),
    );
  });
});

test("the history knows the configuration at its base after compaction", () => {
  const history = new ConfigurationHistory(0, configurationOf([1]));
  history.record(5, configurationOf([1, 2]));
  history.record(9, configurationOf([2]));
  history.compactTo(4);
  expect(history.base).toEqual(configurationOf([1]));
  history.compactTo(8);
  expect(history.base).toEqual(configurationOf([1, 2]));
  expect(history.current).toEqual(configurationOf([2]));
  expect(() => history.record(9, configurationOf([1]))).toThrow("log order");
});
