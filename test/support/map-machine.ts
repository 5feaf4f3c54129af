import type { RecordsDigest, StateMachine, StateWriter } from "../../cluster/state-machine.ts";

/** A replicated map of strings: commands are `key=value`, the answer is the old value. For tests of the cluster library. */
export class MapMachine implements StateMachine {
  readonly values = new Map<string, string>();
  /** Every command in the order of application. */
  readonly applied: string[] = [];

  apply(command: Uint8Array, _context: unknown, writer: StateWriter): unknown {
    const text = Buffer.from(command).toString();
    const [key = "", value = ""] = text.split("=");
    const old = this.values.get(key) ?? null;
    this.applied.push(text);
    this.values.set(key, value);
    writer.put(key, Buffer.from(value));
    return old;
  }
  nodeStarted(): void {}
  nodeRemoved(): void {}
  reset(): void {
    this.values.clear();
    this.applied.length = 0;
  }
  restore(key: string, value: Uint8Array): void {
    this.values.set(key, Buffer.from(value).toString());
  }
  restored(): void {}
  digest(): string {
    return digestOf(this.values);
  }

  recordsDigest(): RecordsDigest {
    const values = new Map<string, string>();
    return {
      add: (key, value) => values.set(key, Buffer.from(value).toString()),
      digest: () => digestOf(values),
    };
  }
}

function digestOf(values: ReadonlyMap<string, string>): string {
  let sum = 0;
  for (const [key, value] of values) {
    let hash = 7;
    for (const character of `${key}=${value}`) {
      hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
    }
    sum = (sum + hash) | 0;
  }
  return (sum >>> 0).toString(16);
}
