import type { CommandContext, StateMachine, StateWriter } from "../../cluster/state-machine.ts";
import { createMessage } from "../../src/mqtt/message.ts";
import { decodeCommand, encodeCommand } from "../../src/replica/commands.ts";
import { Replica } from "../../src/replica/replica.ts";
import type { Facts } from "./facts.ts";

/** A client's write as it travels: a retained message whose payload says where it comes from. */
export function encodeWrite(
  topic: string,
  text: string,
  process: string,
  sequence: number,
  wallMs: number,
): Uint8Array {
  return encodeCommand({
    type: "retain",
    fence: "none",
    updates: [],
    message: createMessage({
      topic,
      payload: Buffer.from(`${text} ${process} ${sequence}`),
      qos: 1,
      retain: true,
      properties: null,
      receivedAtMs: wallMs,
      publisherId: text,
      version: 0,
    }),
  });
}

/** The broker's replicated state, with every command and every digest shown to the checks. */
export class ObservedMachine implements StateMachine {
  readonly #replica = new Replica();
  readonly #nodeId: string;
  readonly #facts: Facts;
  /** The index of the last command, until its digest was seen. */
  #index: number | null = null;
  #restoredIndex: number | null = null;

  constructor(nodeId: string, facts: Facts) {
    this.#nodeId = nodeId;
    this.#facts = facts;
  }

  /** What a client reads: the value alone. */
  read(topic: string): string | null {
    const message = this.#replica.getRetained(topic);
    return message === null ? null : (message.payload.toString().split(" ")[0] ?? "");
  }

  loading(index: number): void {
    this.#restoredIndex = index;
  }

  apply(command: Uint8Array, context: CommandContext, writer: StateWriter): unknown {
    const result = this.#replica.apply(command, context, writer);
    this.#index = context.index;
    const decoded = decodeCommand(command);
    if (decoded?.type === "retain") {
      const [text = "", process = "", sequence] = decoded.message.payload.toString().split(" ");
      const value = { text, process, sequence: Number(sequence) };
      this.#facts.takesEffect(this, context.index, context.timeMs, value);
    }
    return result;
  }

  nodeStarted(
    nodeId: string,
    incarnation: number,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    this.#index = context.index;
    this.#replica.nodeStarted(nodeId, incarnation, context, writer);
  }

  nodeRemoved(nodeId: string, context: CommandContext, writer: StateWriter): void {
    this.#index = context.index;
    this.#replica.nodeRemoved(nodeId, context, writer);
  }

  reset(): void {
    this.#replica.reset();
  }

  restore(key: string, value: Uint8Array): void {
    this.#replica.restore(key, value);
  }

  restored(): void {
    this.#replica.restored();
  }

  digest(): string {
    const digest = this.#replica.digest();
    if (this.#restoredIndex !== null) {
      this.#facts.restoredDigest(this.#nodeId, this.#restoredIndex, digest);
    } else if (this.#index !== null) {
      this.#facts.digest(this.#nodeId, this.#index, digest);
    }
    this.#restoredIndex = null;
    this.#index = null;
    return digest;
  }
}
