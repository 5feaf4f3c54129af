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

export interface SimRead {
  readonly value: string | null;
  readonly version: number;
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
  /** Of the last command in the state, applied or restored. */
  #appliedIndex = 0;

  constructor(node: { readonly nodeId: string }, facts: Facts) {
    this.#node = node;
    this.#facts = facts;
  }

  /** What a client reads: a topic, or a register of a device. The version of what is not there is 0. */
  read(topic: string): SimRead {
    if (topic.includes(" ")) return this.#readDevice(topic);
    const message = this.#replica.getRetained(topic);
    if (message === null) return { value: null, version: 0 };
    return { value: message.payload.toString().split(" ")[0] ?? "", version: message.version };
  }

  #readDevice(register: string): SimRead {
    const [id = "", path = ""] = register.split(" ");
    const [attribute = "", field] = path.split(".");
    const isShadow = path === "shadow";
    const shadow = isShadow ? this.#replica.shadowOf(id) : null;
    const found = isShadow ? null : this.#replica.devices.get(id)?.attributes.get(attribute);
    const value = isShadow ? shadow?.desired["goal"] : fieldOf(found?.value, field);
    const cleared = (): string | null =>
      this.#facts.devices.clearedBy(register, this.#appliedIndex);
    return {
      value: typeof value === "string" ? value : cleared(),
      version: shadow?.version ?? found?.version ?? 0,
    };
  }

  loading(index: number): void {
    this.#restoredIndex = index;
    this.#appliedIndex = index;
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
    } else if (decoded !== null && this.#isFirst(context)) {
      this.#facts.devices.applied(decoded, result, context);
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
    if (this.#isFirst(context)) this.#facts.devices.nodeStarted(nodeId, incarnation);
  }

  nodeRemoved(nodeId: string, context: CommandContext, writer: StateWriter): void {
    this.#reached(context);
    this.#replica.nodeRemoved(nodeId, context, writer);
    if (this.#isFirst(context)) this.#facts.devices.nodeRemoved(nodeId);
  }

  #isFirst({ index, timeMs }: CommandContext): boolean {
    return this.#facts.isFirst(this, index, timeMs);
  }

  #reached({ index, timeMs }: CommandContext): void {
    this.#index = index;
    this.#appliedIndex = index;
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

/** The value itself, or one of its fields. */
function fieldOf(value: unknown, field: string | undefined): unknown {
  if (field === undefined || typeof value !== "object" || value === null) {
    return field === undefined ? value : undefined;
  }
  return (value as Readonly<Record<string, unknown>>)[field];
}
