import { expect, test } from "vitest";
import { linkFigures, linkKey, linkText } from "../../../src/dashboard/model/link-figures.ts";
import { clusterStatus, nodeStatus } from "../../support/fake-node-port.ts";

function end(
  nodeId: string,
  sentBytes: number,
  receivedBytes = 0,
  roundTripMs: number | null = 0.4,
) {
  return { nodeId, sentBytes, receivedBytes, roundTripMs, queuedBytes: 0 };
}

function look(timeMs: number, sentA: number, sentB: number, isOneAway = false) {
  const a = nodeStatus("n1", { nodeId: "a", links: [end("b", sentA, sentB, 0.2)] });
  const b = nodeStatus("n2", { nodeId: "b", links: [end("a", sentB, sentA, 0.6)] });
  const away = nodeStatus("n2", { nodeId: "b", state: "down", links: [] });
  return { timeMs, cluster: clusterStatus([a, isOneAway ? away : b]) };
}

test("a link has the mean round trip of its ends and what both sent per second", () => {
  const figures = linkFigures(look(1000, 100, 50), look(3000, 1100, 1050)).get(linkKey("b", "a"));
  expect(figures?.roundTripMs).toBeCloseTo(0.4);
  expect(figures?.bytesPerSecond).toBe(1000);
  expect(linkText(figures!)).toBe("0.4 ms · 1 kB/s");
});

test("there is no rate before the second look, nor when an end was lost in between or began anew", () => {
  const key = linkKey("a", "b");
  expect(linkFigures(null, look(0, 1, 1)).get(key)?.bytesPerSecond).toBeNull();
  expect(linkFigures(look(0, 9, 9), look(1000, 20, 9, true)).get(key)?.bytesPerSecond).toBeNull();
  expect(linkFigures(look(0, 900, 900), look(1000, 0, 0)).get(key)?.bytesPerSecond).toBeNull();
});

test("of a link with one end that tells, its counts of both directions are taken", () => {
  const figures = linkFigures(look(0, 100, 50, true), look(1000, 300, 250, true));
  expect(figures.get(linkKey("a", "b"))?.bytesPerSecond).toBe(400);
});

test("nodes of a version that does not tell have no figures", () => {
  const cluster = clusterStatus([nodeStatus("n1"), nodeStatus("n2")]);
  expect(linkFigures(null, { cluster, timeMs: 0 }).size).toBe(0);
});
