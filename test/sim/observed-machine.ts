import type { CommandContext, StateMachine, StateWriter } from "../../cluster/state-machine.ts";
import { createMessage } from "../../src/mqtt/message.ts";
import { decodeCommand, encodeCommand } from "../../src/replica/commands.ts";
import { Replica } from "../../src/replica/replica.ts";
import type { RetainedResult } from "../../src/replica/replica-api.ts";
import type { Facts } from "./facts.ts";

/** What a client writes, and through which process. */
export interface SimWrite {
  readonly topic: string;
  readonly text: string;
  readonly process: string;
  readonly sequence: number;
  readonly wallMs: number;
  /** Compare and set; null: whatever is there. */
  readonly expectedVersion: number | null;
}

/** A client's write as it travels: a retained message whose payload says where it comes from. */
export function encodeWrite(write: SimWrite): Uint8Array {
  const { topic, text, process, sequence, wallMs, expectedVersion } = write;
  return encodeCommand({
    type: "retain",
    fence: "none",
    updates: [],
    ...(expectedVersion === null ? {} : { expectedVersion }),
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
  readonly #node: { readonly nodeId: string };
  readonly #facts: Facts;
  /** The index of the last command, until its digest was seen. */
  #index: number | null = null;
  #restoredIndex: number | null = null;

  constructor(node: { readonly nodeId: string }, facts: Facts) {
    this.#node = node;
    this.#facts = facts;
  }

  /** What a client reads; the version of what is not there is 0. */
  read(topic: string): { readonly value: string | null; readonly version: number } {
    const message = this.#replica.getRetained(topic);
    if (message === null) return { value: null, version: 0 };
    return { value: message.payload.toString().split(" ")[0] ?? "", version: message.version };
  }

  loading(index: number): void {
    this.#restoredIndex = index;
  }

  apply(command: Uint8Array, context: CommandContext, writer: StateWriter): unknown {
    const result = this.#replica.apply(command, context, writer);
    this.#reached(context);
    const decoded = decodeCommand(command);
    if (decoded?.type === "retain") {
      const [text = "", process = "", sequence] = decoded.message.payload.toString().split(" ");
      const { version, currentVersion } = result as RetainedResult;
      const isWritten = currentVersion === undefined;
      const value = { text, process, sequence: Number(sequence), isWritten };
      this.#facts.takesEffect(this, context.index, context.timeMs, value);
      if (isWritten) this.#facts.hasVersion(decoded.message.topic, version, text);
    }
    return result;
  }

  nodeStarted(
    nodeId: string,
    incarnation: number,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    this.#reached(context);
    this.#replica.nodeStarted(nodeId, incarnation, context, writer);
  }

  nodeRemoved(nodeId: string, context: CommandContext, writer: StateWriter): void {
    this.#reached(context);
    this.#replica.nodeRemoved(nodeId, context, writer);
  }

  #reached({ index, timeMs }: CommandContext): void {
    this.#index = index;
    this.#facts.hasTime(this.#node.nodeId, index, timeMs);
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
      this.#facts.restoredDigest(this.#node.nodeId, this.#restoredIndex, digest);
    } else if (this.#index !== null) {
      this.#facts.digest(this.#node.nodeId, this.#index, digest);
    }
    this.#restoredIndex = null;
    this.#index = null;
    return digest;
  }
}
