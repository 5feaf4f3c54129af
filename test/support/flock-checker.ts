import type { ProposalOutcome } from "../../cluster/cluster-api.ts";
import type { FlockNode, MemoryFlock } from "./memory-flock.ts";

interface Operation {
  readonly command: string;
  readonly origin: string;
  outcome: ProposalOutcome | null;
}

/**
 * What clients of a flock proposed and were told, against what its replicas applied. Commands are unique, so that one that was
 * applied twice, out of order or not at all shows.
 */
export class FlockChecker {
  readonly operations: Operation[] = [];
  readonly #flock: MemoryFlock;
  readonly #digests = new Map<number, string>();

  constructor(flock: MemoryFlock) {
    this.#flock = flock;
  }

  propose(node: FlockNode, key: string, timeoutMs = 3000): Operation {
    const { incarnation, nodeId } = node.cluster;
    const command = `${key}=${this.operations.length}`;
    const origin = `${nodeId} ${incarnation}`;
    const operation: Operation = { command, origin, outcome: null };
    this.operations.push(operation);
    node.cluster.propose(Buffer.from(command), timeoutMs, (outcome) => {
      if (operation.outcome !== null) throw new Error(`${command} was answered twice`);
      operation.outcome = outcome;
    });
    return operation;
  }

  /** Callers of a process that died learn nothing; everybody else was answered. */
  async answered(): Promise<void> {
    const alive = new Set(
      this.#flock.running.map(({ cluster }) => `${cluster.nodeId} ${cluster.incarnation}`),
    );
    await this.#flock.until(
      () => this.operations.every(({ outcome, origin }) => outcome !== null || !alive.has(origin)),
      "each proposal is answered",
    );
  }

  /** What each replica, also of a process that died, applied at each index: everywhere the same. In the order of the log. */
  history(): { readonly index: number; readonly command: string }[] {
    const log = new Map<number, string>();
    for (const machine of this.#flock.machines) {
      for (const [index, commands] of machine.byIndex) {
        const known = log.get(index) ?? commands.join();
        if (known !== commands.join())
          throw new Error(`replicas applied different entries ${index}`);
        log.set(index, known);
      }
    }
    const indexes = [...log.keys()].sort((a, b) => a - b);
    return indexes.flatMap((index) => {
      const commands = (log.get(index) as string).split(",");
      return commands.map((command) => ({ index, command }));
    });
  }

  /** Exactly once, in the order in which each process proposed; acknowledged ones are there, rejected ones are not. */
  checkHistory(): void {
    const history = this.history();
    const indexOf = new Map<string, number>();
    const lastOf = new Map<string, number>();
    for (const { index, command } of history) {
      if (indexOf.has(command)) throw new Error(`${command} was applied twice`);
      indexOf.set(command, index);
      const number = Number(command.split("=")[1]);
      const origin = this.operations[number]?.origin ?? "nobody";
      if (number <= (lastOf.get(origin) ?? -1)) throw new Error(`${command} overtook another one`);
      lastOf.set(origin, number);
    }
    for (const { command, outcome } of this.operations) {
      const index = indexOf.get(command);
      if (outcome?.status === "applied" && outcome.index !== index) {
        throw new Error(`${command} was acknowledged at ${outcome.index}, but applied at ${index}`);
      }
      if (outcome?.status === "rejected" && index !== undefined) {
        throw new Error(`${command} was rejected, but applied`);
      }
    }
  }

  /** After healing: each replica holds for each key what the log says. */
  checkState(): void {
    const expected = new Map<string, string>();
    for (const { command } of this.history()) {
      const [key = "", value = ""] = command.split("=");
      expected.set(key, value);
    }
    for (const node of this.#flock.running) {
      for (const [key, value] of expected) {
        const held = node.machine.values.get(key);
        if (held !== value) throw new Error(`${node.nodeId}: ${key} is ${held}, not ${value}`);
      }
    }
  }

  /** One digest at one index; call it between two moments. */
  checkDigests(): void {
    for (const node of this.#flock.running) {
      if (!node.isMember) continue;
      const index = node.gauge("raft_applied_index");
      const digest = node.machine.digest();
      const known = this.#digests.get(index) ?? digest;
      if (known !== digest) throw new Error(`replicas differ at index ${index}`);
      this.#digests.set(index, digest);
    }
  }
}
