import type { ProposalOutcome } from "../../cluster/cluster-api.ts";
import type { Operation } from "../../scripts/chaos/linearizability.ts";
import { encodeCommand } from "../../src/replica/commands.ts";
import type {
  AttributeUpdate,
  ClaimResult,
  Command,
  Fence,
  ShadowResult,
  StateGroup,
  StatesResult,
} from "../../src/replica/replica-api.ts";
import type { SimRead } from "./observed-machine.ts";
import type { Seeded } from "./seeded.ts";
import type { SimNode } from "./sim-node.ts";
import type { SimProcess } from "./sim-process.ts";
import type { World } from "./world.ts";

/** A claim that was granted. */
interface Connection {
  readonly node: SimNode;
  readonly process: SimProcess;
  readonly epoch: number;
}

interface OpenWrite {
  readonly text: string;
  readonly process: SimProcess;
  readonly startMs: number;
  /** What the shadow is to be before. */
  readonly expected?: SimRead;
}

interface DoneWrite extends OpenWrite {
  readonly endMs: number;
}

type RegisterOperation = readonly [register: string, operation: Operation];

const proposeTimeoutMs = 3000;
const devices = ["r0", "r0", "r1"];
const registers = ["mode", "pose.x", "pose.y", "shadow"];

/**
 * What a client does to devices: it claims its identifier where it connects, writes attributes under that claim, in one command with
 * other clients of the same node, sets what a device is to be where it finds the version it saw last, and deletes devices. After it has
 * connected elsewhere, the node before may still hold something of it.
 */
export class DeviceClient {
  readonly #world: World;
  readonly #name: string;
  readonly #random: Seeded;
  /** Of a register, what the client saw last. */
  readonly #seenOf: (register: string) => SimRead | undefined;
  readonly #open = new Set<OpenWrite>();
  readonly #done: DoneWrite[] = [];
  #connection: Connection | null = null;
  #before: Connection | null = null;
  #connecting: SimProcess | null = null;
  #writes = 0;
  acknowledged = 0;

  constructor(
    world: World,
    name: string,
    random: Seeded,
    seenOf: (register: string) => SimRead | undefined,
  ) {
    this.#world = world;
    this.#name = name;
    this.#random = random;
    this.#seenOf = seenOf;
  }

  get openCount(): number {
    return this.#open.size;
  }

  register(): string {
    return `${this.#random.pick(devices)} ${this.#random.pick(registers)}`;
  }

  /** What is still open never ended. */
  close(): void {
    for (const open of [...this.#open]) this.#settle(open, Number.POSITIVE_INFINITY);
  }

  died(process: SimProcess): void {
    if (this.#connecting === process) this.#connecting = null;
    for (const open of [...this.#open]) {
      if (open.process === process) this.#settle(open, Number.POSITIVE_INFINITY);
    }
  }

  /** What the log never came to nobody has seen. */
  operations(): readonly RegisterOperation[] {
    return this.#done.flatMap((write) => this.#operationsOf(write));
  }

  #operationsOf({ text, startMs, endMs, expected }: DoneWrite): RegisterOperation[] {
    const effect = this.#world.facts.devices.effects.get(text);
    if (effect === undefined) return [];
    const timed = { startMs, endMs, by: this.#name };
    if (effect.isConflict) {
      const read = { kind: "read", value: effect.before, ...timed } as const;
      return effect.registers.map((register) => [register, read]);
    }
    return effect.registers.map((register): RegisterOperation => {
      if (expected === undefined || !register.endsWith(" shadow")) {
        return [register, { kind: "write", value: text, ...timed }];
      }
      // Version 0 says that nothing is there, whoever took it away.
      const found = expected.version === 0 ? effect.before : expected.value;
      return [register, { kind: "cas", value: text, expected: found, ...timed }];
    });
  }

  act(node: SimNode): void {
    const random = this.#random;
    const connection = this.#writable();
    const choice = random.next();
    if (connection === null || choice < 0.08) this.#connect(node);
    else if (choice < 0.16) this.#delete(node);
    else if (choice < 0.4) this.#shadow(node, connection);
    else this.#states(connection);
  }

  /** Now and then the one before: its node may not know yet that the client is gone. */
  #writable(): Connection | null {
    const isLate = this.#before !== null && this.#random.chance(0.15);
    const connection = isLate ? this.#before : this.#connection;
    const isThere = connection !== null && connection.node.process === connection.process;
    return isThere && connection.node.cluster !== null ? connection : null;
  }

  #connect(node: SimNode): void {
    const { process } = node;
    if (process === null || this.#connecting !== null) return;
    this.#connecting = process;
    const command: Command = {
      ...{ type: "claim", clientId: this.#name, cleanStart: true, expirySeconds: 0 },
    };
    node.cluster?.propose(encodeCommand(command), proposeTimeoutMs, (outcome) => {
      if (this.#connecting !== process) return;
      this.#connecting = null;
      if (outcome.status !== "applied") return;
      const { epoch } = outcome.result as ClaimResult;
      this.#before = this.#connection;
      this.#connection = { node, process, epoch };
    });
  }

  /** With what other clients of the node have for it at that moment. */
  #states(connection: Connection): void {
    const { process, node } = connection;
    const parts = [this.#group(connection)];
    for (const { devices: other } of this.#world.clients) {
      const theirs = other.#connection;
      if (other === this || theirs?.process !== process) continue;
      if (this.#random.chance(0.5)) parts.push(other.#group(theirs));
    }
    const command: Command = { type: "states", groups: parts.map(({ group }) => group) };
    node.cluster?.propose(encodeCommand(command), proposeTimeoutMs, (outcome) => {
      const { versions = [] } = resultOf<StatesResult>(outcome) ?? {};
      for (const [at, { by, open }] of parts.entries()) {
        by.#answered(open, outcome, versions[at] ?? 0);
      }
    });
  }

  #group({ process, epoch }: Connection): { by: DeviceClient; open: OpenWrite; group: StateGroup } {
    const random = this.#random;
    const fence = random.chance(0.2) ? "owner" : epoch;
    const open = this.#begin(process, fence);
    const device = random.pick(devices);
    const { text } = open;
    const mode: AttributeUpdate = { device, attribute: "mode", value: text };
    const pose: AttributeUpdate = {
      ...{ device, attribute: "pose", value: { [random.pick(["x", "y"])]: text } },
      ...(random.chance(0.2) ? { isReplacing: true } : {}),
    };
    const updates = random.pick([[mode], [pose], [pose, mode]]);
    return { by: this, open, group: { source: this.#name, fence, updates } };
  }

  #shadow(node: SimNode, { process, epoch, node: own }: Connection): void {
    const random = this.#random;
    const device = random.pick(devices);
    const expected = random.chance(0.6) ? this.#seenOf(`${device} shadow`) : undefined;
    // Another client's node stands for somebody who sets what the device is to be, under no claim.
    const isOwn = random.chance(0.5);
    const by = isOwn ? own : node;
    const fence = isOwn ? epoch : "none";
    const open = this.#begin(isOwn ? process : (node.process as SimProcess), fence, expected);
    const isClearing = random.chance(0.15);
    const isReporting = isClearing || random.chance(0.3);
    const command: Command = {
      ...{ type: "shadow", device, source: this.#name, fence },
      desired: isClearing ? null : { goal: open.text },
      ...(isReporting ? { reported: { mode: open.text } } : {}),
      ...(expected === undefined ? {} : { expectedVersion: expected.version }),
    };
    by.cluster?.propose(encodeCommand(command), proposeTimeoutMs, (outcome) => {
      const { version = 0, currentVersion } = resultOf<ShadowResult>(outcome) ?? {};
      this.#answered(open, outcome, currentVersion ?? version);
    });
  }

  #delete(node: SimNode): void {
    const open = this.#begin(node.process as SimProcess, "none");
    const device = this.#random.pick(devices);
    // Under no claim, and by a name that says which deletion it is.
    const command: Command = { type: "delete-device", device, source: open.text, fence: "none" };
    node.cluster?.propose(encodeCommand(command), proposeTimeoutMs, (outcome) =>
      this.#answered(open, outcome, 0),
    );
  }

  #begin(process: SimProcess, fence: Fence, expected?: SimRead): OpenWrite {
    const text = `${this.#name}:d${++this.#writes}`;
    const open = {
      ...{ text, process, startMs: this.#world.moment() },
      ...(expected === undefined ? {} : { expected }),
    };
    this.#open.add(open);
    const from = { process: process.id, sequence: ++process.proposals, fence };
    this.#world.facts.devices.proposed.set(text, from);
    return open;
  }

  /** `version`: what the node told. */
  #answered(open: OpenWrite, outcome: ProposalOutcome, version: number): void {
    const { facts, trace, rejected } = this.#world;
    const { text } = open;
    if (!this.#open.has(open)) return;
    trace.event(`${text} ${outcome.status}`);
    if (outcome.status === "unknown") return this.#settle(open, Number.POSITIVE_INFINITY);
    this.#settle(open, this.#world.moment());
    if (outcome.status === "rejected") {
      rejected.push(text);
      return;
    }
    this.acknowledged++;
    const effect = facts.devices.effects.get(text);
    facts.demand(
      effect !== undefined && effect.index === outcome.index && effect.version === version,
      "acknowledged means applied",
      `${text} was told version ${version} of ${outcome.index}, applied ${JSON.stringify(effect)}`,
    );
  }

  #settle(open: OpenWrite, endMs: number): void {
    if (this.#open.delete(open)) this.#done.push({ ...open, endMs });
  }
}

function resultOf<Result>(outcome: ProposalOutcome): Result | null {
  return outcome.status === "applied" ? (outcome.result as Result | null) : null;
}
