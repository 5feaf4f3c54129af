import { expect, test } from "vitest";
import { Router } from "../../../src/routing/router.ts";
import { heapSizeBytes } from "../../support/heap.ts";
import { subscription, TestTarget } from "../../support/routing-model.ts";

const filters = 20_000;
/** It takes 480, and took 580 when each entry and each level had a map of its own. */
const sizeBytesMax = 530;

test("a subscription takes little memory, half of them with wildcards", () => {
  const router = new Router<TestTarget>("1".repeat(32));
  const target = new TestTarget("a");
  const subscribe = (from: number, to: number): void => {
    for (let at = from; at < to; at++) {
      const filter = at % 2 === 0 ? `site/machine-${at}/state` : `site/machine-${at}/+`;
      router.subscribe(target, subscription(filter));
    }
  };
  subscribe(0, 1000);
  const before = heapSizeBytes();
  subscribe(1000, 1000 + filters);
  const each = (heapSizeBytes() - before) / filters;
  expect(router.subscriptionCount).toBe(1000 + filters);
  expect(each).toBeLessThan(sizeBytesMax);
});
