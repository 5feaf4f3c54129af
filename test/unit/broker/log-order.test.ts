import { expect, test } from "vitest";
import { LogOrder } from "../../../src/broker/log-order.ts";

function failing(name: string): () => void {
  return () => {
    throw new Error(name);
  };
}

test("a step that fails does not cost those that take no turn theirs, and is heard of", () => {
  const order = new LogOrder();
  const ran: string[] = [];
  const first = order.enter(["x"]);
  const second = order.enter(["y"]);
  order.afterHeld(["x"], failing("one"));
  order.afterHeld(["x"], () => ran.push("x"));
  order.afterHeld("all", () => ran.push("all"));
  expect(() => first(() => ran.push("first"))).toThrow("one");
  expect(ran).toEqual(["first", "x"]);
  second(() => ran.push("second"));
  expect(ran).toEqual(["first", "x", "second", "all"]);
  expect([order.isClear, order.hasHeld]).toEqual([true, false]);
});

test("nor those that wait for their turn", () => {
  const order = new LogOrder();
  const ran: string[] = [];
  const first = order.enter(["x"]);
  const second = order.enter(["x"]);
  order.afterHeld(["x"], () => ran.push("free"));
  second(failing("two"));
  order.enter()(() => ran.push("third"));
  let failure: unknown = null;
  try {
    first(failing("one"));
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(AggregateError);
  expect((failure as AggregateError).errors.map(({ message }: Error) => message)).toEqual([
    "one",
    "two",
  ]);
  expect(ran).toEqual(["free", "third"]);
  expect([order.isClear, order.hasHeld]).toEqual([true, false]);
  order.enter()(() => ran.push("later"));
  expect(ran).toEqual(["free", "third", "later"]);
});
