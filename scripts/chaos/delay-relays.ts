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

  constructor(nodes: readonly DelayedNode[]) {
    this.#nodes = nodes;
  }

  /** Resolves when only delayed links are left. Rejects when a relay does not start; `stop` cleans up in any case. */
  async start(leastMs: number, mostMs: number): Promise<void> {
    const delays = [leastMs, mostMs].map(String);
    await Promise.all(this.#nodes.map((node) => this.#startRelay(node, delays)));
    for (const node of this.#nodes) {
      runIn(node.prefix, ["iptables-restore", "--noflush"], this.#rulesOf(node));
    }
    await pause(resetMs);
    for (const { prefix } of this.#nodes) flush(prefix, "filter");
  }

  stop(): void {
    for (const { prefix } of this.#nodes) {
      flush(prefix, "nat");
      flush(prefix, "filter");
    }
    for (const child of this.#children.splice(0)) child.kill("SIGKILL");
  }

  #rulesOf(node: DelayedNode): string {
    const peers = [...this.#nodes.entries()].filter(([, peer]) => peer !== node);
    const redirects = peers.map(
      ([index, peer]) => `${dialling(peer)} -j REDIRECT --to-ports ${firstPort + index}`,
    );
    const answering = `-A OUTPUT -p tcp --sport ${node.peerPort}`;
    const resets = [...peers.map(([, peer]) => dialling(peer)), answering].map(
      (rule) => `${rule} -j REJECT --reject-with tcp-reset`,
    );
    return ["*nat", ...redirects, "COMMIT", "*filter", ...resets, "COMMIT", ""].join("\n");
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
function dialling({ host, peerPort }: DelayedNode): string {
  return `-A OUTPUT -p tcp -d ${host} --dport ${peerPort} -m owner ! --gid-owner ${gid}`;
}

/** The namespace is ours, and so are all its rules. */
function flush(prefix: readonly string[], table: "nat" | "filter"): void {
  runIn(prefix, ["iptables", "-t", table, "-F", "OUTPUT"]);
}
