import { expect, test } from "vitest";
import {
  firstLink,
  type LinkState,
  nextLink,
  originsOf,
} from "../../../src/dashboard/model/reconnect.ts";

const home = "http://127.0.0.1:8080";
const others = ["http://127.0.0.1:8081", "http://127.0.0.1:8082"];

function closed(state: LinkState, nowMs = 1000, random = 0.5): LinkState {
  return nextLink(state, { type: "closed", nowMs, random, others });
}

test("a lost link is tried again at home first, then at the nodes that were up, then at home", () => {
  let state = nextLink(firstLink(home), { type: "opened" });
  const bases: string[] = [];
  for (let i = 0; i < 4; i++) {
    state = closed(state);
    bases.push(state.base);
  }
  expect(bases).toEqual([home, ...others, home]);
});

test("waits grow with each round of all nodes, and never beyond a few seconds", () => {
  let state = firstLink(home);
  const delays: number[] = [];
  for (let i = 0; i < 40; i++) {
    state = closed(state, 0);
    delays.push(state.retryAtMs ?? -1);
  }
  expect(delays.slice(0, 7)).toEqual([250, 250, 250, 500, 500, 500, 1000]);
  expect(Math.max(...delays)).toBe(8000);
});

test("viewers of one dead node do not come back in the same instant", () => {
  const [early, late] = [0, 1].map((random) => closed(firstLink(home), 0, random).retryAtMs);
  expect(early).toBeLessThan(late ?? 0);
});

test("the time of the loss is that of the first failure, and is forgotten once it is live again", () => {
  let state = nextLink(firstLink(home), { type: "opened" });
  state = closed(state, 5000);
  state = nextLink(state, { type: "try" });
  expect(state.phase).toBe("connecting");
  state = closed(state, 6000);
  expect(state.lostAtMs).toBe(5000);
  state = nextLink(nextLink(state, { type: "try" }), { type: "opened" });
  expect(state).toMatchObject({ phase: "live", base: others[0], failures: 0, lostAtMs: null });
});

test("with no other node known it stays at home", () => {
  const state = nextLink(firstLink(home), { type: "closed", nowMs: 0, random: 0, others: [] });
  expect(state.base).toBe(home);
});

test("other nodes are looked for on the page's own host, at the ports that they told, if they are up", () => {
  const node = (name: string, state: string, http: number) => ({ name, state, ports: { http } });
  const nodes = [node("n1", "up", 8080), node("n2", "down", 8081), node("n3", "up", 0)];
  expect(originsOf(nodes, "https://broker.example:8443")).toEqual([
    { name: "n1", origin: "https://broker.example:8080" },
  ]);
  expect(originsOf(nodes, "http://[::1]:8080")).toEqual([
    { name: "n1", origin: "http://[::1]:8080" },
  ]);
  expect(originsOf(nodes, "file:///x")).toEqual([]);
});
