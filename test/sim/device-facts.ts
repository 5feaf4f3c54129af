import type { NodeId } from "../../cluster/node-id.ts";
import type { CommandContext } from "../../cluster/state-machine.ts";
import type {
  AttributeUpdate,
  ClaimResult,
  Command,
  DeletedResult,
  Fence,
  ShadowResult,
  StateGroup,
  StatesResult,
} from "../../src/replica/replica-api.ts";
import type { EffectOfWrite } from "./facts.ts";

type CommandOf<T extends Command["type"]> = Extract<Command, { type: T }>;

/** What the checks of devices share with all others. */
export interface DeviceFactsParts {
  readonly demand: (isTrue: boolean, promise: string, what: string) => void;
  readonly hasVersion: (key: string, version: number, text: string) => void;
  readonly took: (index: number, value: EffectOfWrite) => void;
}

/** What a client's write did, when the log came to it. */
export interface DeviceEffect {
  readonly index: number;
  /** As its client is told. */
  readonly version: number;
  /** What it wrote, or took away: linearizable each for itself. Nothing when another client had come instead. */
  readonly registers: readonly string[];
  /** What the first of them held. */
  readonly before: string | null;
  /** It found another version than it wanted, and changed nothing. */
  readonly isConflict: boolean;
}

interface Proposed extends Pick<EffectOfWrite, "process" | "sequence"> {
  /** As its client meant it. */
  readonly fence: Fence;
}

interface Cell {
  /** Of the client that wrote it, or took it away; null before the first. */
  readonly text: string | null;
  /** Of the attribute or the shadow; 0: it is not there. */
  readonly version: number;
}

interface Owner {
  readonly nodeId: NodeId;
  readonly epoch: number;
}

const nothing: Cell = { text: null, version: 0 };

/**
 * Devices as the log has them, command by command, counted here once more: who may write for whom, which versions there are, and what
 * each write touches. A device has the registers `r0 mode` (a bare value), `r0 pose.x` and `r0 pose.y` (fields of an object, which merge)
 * and `r0 shadow` (a field of what it is to be). What takes something away is a write as well: a read that finds nothing saw it.
 */
export class DeviceFacts {
  readonly #parts: DeviceFactsParts;
  /** Where each write of a client comes from. */
  readonly proposed = new Map<string, Proposed>();
  readonly effects = new Map<string, DeviceEffect>();
  readonly #owners = new Map<string, Owner>();
  readonly #incarnations = new Map<NodeId, number>();
  readonly #cells = new Map<string, Cell>();
  readonly #cleared = new Map<string, { readonly index: number; readonly text: string }[]>();
  #epoch = 0;

  constructor(parts: DeviceFactsParts) {
    this.#parts = parts;
  }

  /** What a replica says by having nothing there after the entry at `index`. */
  clearedBy(register: string, index: number): string | null {
    return this.#cleared.get(register)?.findLast((one) => one.index <= index)?.text ?? null;
  }

  applied(command: Command, result: unknown, context: CommandContext): void {
    if (command.type === "claim") this.#claimed(command, result as ClaimResult, context);
    else if (command.type === "states") {
      const { versions } = result as StatesResult;
      for (const [at, group] of command.groups.entries()) {
        this.#group(group, versions[at] ?? 0, context);
      }
    } else if (command.type === "shadow") this.#shadow(command, result as ShadowResult, context);
    else if (command.type === "delete-device") {
      this.#deleted(command, result as DeletedResult, context);
    }
  }

  /** What a node claimed before its start is its no more. */
  nodeStarted(nodeId: NodeId, incarnation: number): void {
    if (incarnation <= (this.#incarnations.get(nodeId) ?? 0)) return;
    this.#incarnations.set(nodeId, incarnation);
    this.nodeRemoved(nodeId);
  }

  nodeRemoved(nodeId: NodeId): void {
    for (const [clientId, owner] of this.#owners) {
      if (owner.nodeId === nodeId) this.#owners.delete(clientId);
    }
  }

  #claimed({ clientId }: CommandOf<"claim">, { epoch }: ClaimResult, at: CommandContext): void {
    this.#parts.demand(epoch > this.#epoch, "epochs never repeat", `${epoch} at ${at.index}`);
    this.#epoch = epoch;
    this.#owners.set(clientId, { nodeId: at.origin, epoch });
  }

  #group({ source, updates }: StateGroup, version: number, at: CommandContext): void {
    const text = textOf(updates);
    this.#mayWrite(source, version > 0, text, at);
    const registers = version === 0 ? [] : this.#updated(updates, text, version, at.index);
    this.#took(text, { ...effectAt(at.index), version, registers }, version > 0);
  }

  #shadow(command: CommandOf<"shadow">, result: ShadowResult, at: CommandContext): void {
    const { device, source, reported, desired, expectedVersion } = command;
    const { version, currentVersion, isFenced = false, refusal } = result;
    const register = `${device} shadow`;
    const before = this.#cells.get(register) ?? nothing;
    const updates = Object.entries({ ...reported }).map(
      ([attribute, value]): AttributeUpdate => ({ device, attribute, value, isReplacing: true }),
    );
    const text = String(desired?.["goal"] ?? textOf(updates));
    this.#parts.demand(refusal === undefined, "no bound is reached", `${text}: ${refusal}`);
    this.#mayWrite(source, !isFenced, text, at);
    const effect = { ...effectAt(at.index), before: before.text };
    if (isFenced) return this.#took(text, effect, false);
    const isExpected = expectedVersion === undefined || expectedVersion === before.version;
    this.#parts.demand(
      isExpected ? version > 0 : currentVersion === before.version,
      "written where the version is the expected one",
      `${text} wants ${expectedVersion} at ${at.index}, there is ${before.version}`,
    );
    if (currentVersion !== undefined) {
      const conflict = { ...effect, version: currentVersion, registers: [register] };
      return this.#took(text, { ...conflict, isConflict: true }, false);
    }
    this.#grows(register, text, version);
    this.#set(register, text, version, desired === null ? at.index : null);
    const others = this.#updated(updates, text, version, at.index);
    this.#took(text, { ...effect, version, registers: [register, ...others] });
  }

  #deleted(
    { device, source: text }: CommandOf<"delete-device">,
    { isDeleted, version }: DeletedResult,
    { index }: CommandContext,
  ): void {
    const shadow = this.#cells.get(`${device} shadow`) ?? nothing;
    const registers = this.#heldOf(`${device} `);
    this.#parts.demand(
      isDeleted === registers.length > 0 && version === shadow.version,
      "a deletion tells what there was",
      `${text}: deleted ${isDeleted} with version ${version} at ${index}`,
    );
    for (const register of registers) this.#set(register, text, 0, index);
    this.#took(text, { ...effectAt(index), registers });
  }

  /** Answers what the updates touch. */
  #updated(
    updates: readonly AttributeUpdate[],
    text: string,
    version: number,
    index: number,
  ): string[] {
    return updates.flatMap(({ device, attribute, value, isReplacing }) => {
      const name = `${device} ${attribute}`;
      const isWhole = typeof value !== "object" || value === null;
      const written = isWhole ? [name] : Object.keys(value).map((field) => `${name}.${field}`);
      const held = this.#heldOf(`${name}.`);
      const gone = isReplacing === true ? held.filter((one) => !written.includes(one)) : [];
      this.#grows(name, text, version);
      for (const register of gone) this.#set(register, text, 0, index);
      for (const register of written) this.#set(register, text, version, null);
      return [...written, ...gone];
    });
  }

  /** Each write of an attribute or a shadow has a version above all that it had while it was there, and of its own for ever. */
  #grows(name: string, text: string, version: number): void {
    const cells = [name, ...this.#heldOf(`${name}.`)].map((one) => this.#cells.get(one) ?? nothing);
    this.#parts.demand(
      cells.every((before) => before.version < version),
      "versions grow",
      `${text} has version ${version} of ${name}`,
    );
    this.#parts.hasVersion(name, version, text);
  }

  /** `clearedAt`: it holds nothing any more, although its shadow may have a version. */
  #set(register: string, text: string, version: number, clearedAt: number | null): void {
    this.#cells.set(register, { text, version });
    if (clearedAt === null) return;
    const known = this.#cleared.get(register);
    if (known === undefined) this.#cleared.set(register, [{ index: clearedAt, text }]);
    else known.push({ index: clearedAt, text });
  }

  #heldOf(prefix: string): string[] {
    return [...this.#cells].flatMap(([register, { version }]) =>
      version > 0 && register.startsWith(prefix) ? [register] : [],
    );
  }

  #took(text: string, effect: DeviceEffect, isWritten = true): void {
    const from = this.proposed.get(text);
    this.#parts.demand(from !== undefined, "nothing comes from nowhere", text);
    this.effects.set(text, effect);
    if (from !== undefined) this.#parts.took(effect.index, { text, ...from, isWritten });
  }

  #mayWrite(source: string, isDone: boolean, text: string, at: CommandContext): void {
    const { fence = "none" } = this.proposed.get(text) ?? {};
    const owner = this.#owners.get(source);
    const isOwn = owner?.nodeId === at.origin && (fence === "owner" || fence === owner.epoch);
    this.#parts.demand(
      isDone === (fence === "none" || isOwn),
      "only the owner of a client writes for it",
      `${text} at ${at.index} under ${fence} of ${JSON.stringify(owner)}: ${isDone}`,
    );
  }
}

function effectAt(index: number): DeviceEffect {
  return { index, version: 0, registers: [], before: null, isConflict: false };
}

/** All updates of a group carry the same text. */
function textOf([update]: readonly AttributeUpdate[]): string {
  const value = update?.value;
  return String(typeof value === "object" && value !== null ? Object.values(value)[0] : value);
}
