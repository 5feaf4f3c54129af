import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runIn } from "./commands.ts";
import { pause } from "./flock.ts";

const script = join(import.meta.dirname, "delay-relay.ts");
/** Any group that nobody has. */
const gid = 42_424;
/** The first of as many ports as there are nodes, below those that the system gives away. */
const firstPort = 21_000;
const startTimeoutMs = 10_000;
/** Within this time every link says something, and is reset by it. */
const resetMs = 1200;
const reset = ["REJECT", "--reject-with", "tcp-reset"];

/** A node whose links are delayed, and how to run a command in its namespace. */
export interface DelayedNode {
  readonly prefix: readonly string[];
  readonly host: string;
  readonly peerPort: number;
}

/**
 * Delays every link between nodes without help of the kernel's queues: each namespace sends new connections of its node to a
 * relay of its own, once those that exist have been reset.
 */
export class DelayRelays {
  readonly #nodes: readonly DelayedNode[];
  readonly #children: ChildProcess[] = [];
  readonly #undo: (() => void)[] = [];

  constructor(nodes: readonly DelayedNode[]) {
    this.#nodes = nodes;
  }

  /** Resolves when only delayed links are left. Rejects when a relay does not start; `stop` cleans up in any case. */
  async start(leastMs: number, mostMs: number): Promise<void> {
    const delays = [leastMs, mostMs].map(String);
    await Promise.all(this.#nodes.map((node) => this.#startRelay(node, delays)));
    const resets: (() => void)[] = [];
    for (const node of this.#nodes) {
      for (const [index, peer] of this.#nodes.entries()) {
        if (peer === node) continue;
        const to = String(firstPort + index);
        this.#undo.push(this.#rule(node, "nat", dialling(peer), ["REDIRECT", "--to-ports", to]));
        resets.push(this.#rule(node, "filter", dialling(peer), reset));
      }
      const answering = ["-p", "tcp", "--sport", String(node.peerPort)];
      resets.push(this.#rule(node, "filter", answering, reset));
    }
    this.#undo.push(() => {
      for (const undo of resets.splice(0)) undo();
    });
    await pause(resetMs);
    for (const undo of resets.splice(0)) undo();
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo();
    for (const child of this.#children.splice(0)) child.kill("SIGKILL");
  }

  /** Answers how to take it away. */
  #rule(
    { prefix }: DelayedNode,
    table: "nat" | "filter",
    what: readonly string[],
    target: readonly string[],
  ): () => void {
    const line = (action: string): readonly string[] => {
      return ["iptables", "-t", table, action, "OUTPUT", ...what, "-j", ...target];
    };
    runIn(prefix, line("-A"));
    return () => runIn(prefix, line("-D"));
  }

  #startRelay({ prefix, host }: DelayedNode, delays: readonly string[]): Promise<void> {
    const pairs = this.#nodes.flatMap((peer, index) =>
      peer.host === host ? [] : [`${firstPort + index}=${peer.host}:${peer.peerPort}`],
    );
    const [command = "", ...rest] = prefix;
    const line = [...rest, process.execPath, script, String(gid), ...delays, ...pairs];
    const child = spawn(command, line, { stdio: ["pipe", "pipe", "inherit"] });
    this.#children.push(child);
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error(`the delay relay of ${host} does not start`));
      const timer = setTimeout(fail, startTimeoutMs);
      child.on("exit", fail);
      createInterface({ input: child.stdout }).once("line", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** What a node, and not its relay, sends to a peer to which it opened the connection. */
function dialling({ host, peerPort }: DelayedNode): readonly string[] {
  const to = ["-p", "tcp", "-d", host, "--dport", String(peerPort)];
  return [...to, "-m", "owner", "!", "--gid-owner", String(gid)];
}
