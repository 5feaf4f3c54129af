import { targetVoters } from "../../cluster/members/autopilot-plan.ts";
import type { SimNode } from "./sim-node.ts";
import type { World } from "./world.ts";

const convergeWithinMs = 60_000;
const answerWithinMs = 10_000;
const pollMs = 100;
const retryMs = 500;
/** Entries by which a log may be longer than its window until it is cut. */
const logSlack = 16;
/** Before an operator looks who is missing. */
const operatorAfterMs = 8000;
const operatorEveryMs = 2000;

/**
 * The second phase: nothing goes wrong any more, and every disk that is not lost is back. The cluster must come to rest
 * with all nodes equal and as many voters as wanted, and then serve on every node.
 */
export async function heal(world: World): Promise<void> {
  const { facts, clock, network } = world;
  if (facts.violation !== null) return;
  world.note("healed");
  for (const client of world.clients) client.stop();
  network.healAll();
  world.raftWeather.calm();
  for (const node of world.nodes) {
    node.isDiskSlow = false;
    node.lowSinceMs = null;
    node.resume();
    world.startSoon(node);
  }
  const startMs = clock.nowMs;
  await reach(world, "convergence after healing", convergeWithinMs, () => {
    if (clock.nowMs - startMs > operatorAfterMs) operate(world);
    return isAtRest(world);
  });
  await serveEverywhere(world);
  await reach(world, "convergence after the last writes", answerWithinMs, () => isAtRest(world));
}

async function reach(
  world: World,
  what: string,
  withinMs: number,
  isReached: () => string | null,
): Promise<void> {
  const { clock, facts } = world;
  const untilMs = clock.nowMs + withinMs;
  let problem: string | null = "not looked at";
  while (problem !== null && clock.nowMs < untilMs) {
    await clock.run(clock.nowMs + pollMs, () => facts.violation !== null);
    if (facts.violation !== null) return;
    problem = isReached();
  }
  facts.demand(problem === null, "liveness", `no ${what} within ${withinMs} ms: ${problem}`);
}

/** Null when every live node is a ready member and holds the same as the leader; else what is missing. */
function isAtRest(world: World): string | null {
  const live = world.nodes.filter(({ isGone }) => !isGone);
  // Also those that had begun to stop before all was healed, and have stopped since.
  for (const node of live) if (node.process === null) world.startSoon(node);
  const down = live.find(({ cluster }) => cluster === null);
  if (down !== undefined) return `${down.label} is no member`;
  const stopping = live.find(({ isStopping }) => isStopping);
  if (stopping !== undefined) return `${stopping.label} is about to end`;
  for (const { label, cluster } of live) {
    const members = cluster?.members() ?? [];
    if (members.length !== live.length) return `${label} knows ${members.length} members`;
    const voters = members.filter(({ isVoter }) => isVoter).length;
    if (voters !== targetVoters(live.length, 5)) return `${voters} voters of ${live.length}`;
    if (cluster?.isReady() !== true) return `${label} is not ready`;
  }
  const gauges = live.map(({ cluster }) => cluster?.metrics() ?? new Map<string, number>());
  const read = (name: string): number[] => gauges.map((gauge) => gauge.get(name) ?? 0);
  const leaders = read("raft_is_leader").filter((one) => one === 1).length;
  if (leaders !== 1) return `${leaders} leaders`;
  const last = read("raft_last_index");
  const applied = read("raft_applied_index");
  if (new Set([...last, ...applied]).size !== 1) return `applied ${applied}, last ${last}`;
  const waiting = [...read("reads_waiting"), ...read("proposals_pending_bytes")];
  if (waiting.some((one) => one > 0)) return `reads or proposals wait: ${waiting}`;
  const { entriesMax } = world.logWindow;
  const longest = Math.max(...live.map(({ disk }) => disk.durable.log.marks.length));
  if (longest > entriesMax + logSlack) return `a log of ${longest} entries, not ${entriesMax}`;
  const joint = live.find(({ process }) => process?.storage?.isJoint === true);
  if (joint !== undefined) return `${joint.label} is in a joint configuration`;
  const digests = live.map(({ process }) => process?.machine.digest() ?? "");
  return new Set(digests).size === 1 ? null : `contents differ: ${digests}`;
}

/** What an operator does now and then: removes members whose disk is lost, and ends nodes removed while they were away. */
function operate(world: World): void {
  if (Math.floor(world.clock.nowMs / pollMs) % (operatorEveryMs / pollMs) !== 0) return;
  const cluster = world.leader?.cluster;
  if (cluster == null || !cluster.hasQuorum()) return;
  const members = cluster.members();
  for (const { nodeId } of members) {
    // Nobody has that id any more, or will never again.
    if (world.node(nodeId)?.isGone !== false) cluster.removeMember(nodeId).catch(() => undefined);
  }
  for (const node of world.nodes) {
    const isMember = members.some(({ nodeId }) => nodeId === node.nodeId);
    if (isMember || node.cluster === null) continue;
    world.note(`${node.label} was removed while it was away`);
    node.isGone = true;
    node.crash("kept");
  }
}

/** A write on every node, then a read of every key on every node. */
async function serveEverywhere(world: World): Promise<void> {
  const [client] = world.clients;
  if (world.facts.violation !== null || client === undefined) return;
  const live = world.nodes.filter(({ isGone }) => !isGone);
  const waiting = new Map<string, SimNode>();
  const expect = (what: string, node: SimNode): (() => void) => {
    const name = `${what} on ${node.label}`;
    waiting.set(name, node);
    return () => waiting.delete(name);
  };
  // A removal that was asked for before may have its effect only now.
  const open = (): string | null =>
    [...waiting].flatMap(([name, { isGone }]) => (isGone ? [] : [name])).join() || null;
  const writeOn = (node: SimNode, done: () => void): void => {
    client.write(node, "k/0", ({ status }) => {
      if (status === "applied") done();
      else world.clock.after(retryMs, () => writeOn(node, done));
    });
  };
  for (const node of live) writeOn(node, expect("write", node));
  await reach(world, "last writes", answerWithinMs, open);
  for (const node of live) {
    for (const key of new Set(world.clients.flatMap(({ history }) => [...history.keys()]))) {
      const done = expect(`read of ${key}`, node);
      client.read(node, key, (isOk) => isOk && done());
    }
  }
  await reach(world, "last reads", answerWithinMs, open);
}
