import type { Tone } from "./cluster-facts.ts";
import { plural } from "./format.ts";

/** What robots commonly understand, while the node tells no list of its own. */
const commonCommands: readonly string[] = ["tracking", "slam", "none"];
const namesMax = 12;

/** Names of the predefined commands in the answer of `/api/v1/commands`, whatever else it says of them. */
export function commandNames(answer: unknown): readonly string[] {
  const { commands } = (answer ?? {}) as { commands?: unknown };
  if (!Array.isArray(commands)) return commonCommands;
  const names = commands.map((entry: unknown) => {
    if (typeof entry === "string") return entry;
    const { command, name } = (entry ?? {}) as { command?: unknown; name?: unknown };
    return typeof command === "string" ? command : typeof name === "string" ? name : "";
  });
  const known = [...new Set(names.filter((name) => name !== ""))].slice(0, namesMax);
  return known.length === 0 ? commonCommands : known;
}

/** What became of a command, for a person. */
export function deliveryOf(
  command: string,
  answer: unknown,
): { readonly tone: Tone; readonly text: string } {
  const { delivered, delivery, response } = (answer ?? {}) as {
    delivered?: unknown;
    delivery?: unknown;
    response?: unknown;
  };
  const count = typeof delivered === "number" ? delivered : 0;
  if (response !== undefined && response !== null) {
    const { text } = response as { text?: unknown };
    const said = typeof text === "string" ? text : JSON.stringify(response);
    return { tone: "ok", text: `${command}: answered ${said}` };
  }
  if (delivery === "queued") {
    return { tone: "warn", text: `${command}: queued until the device is back.` };
  }
  if (count === 0) return { tone: "warn", text: `${command}: nobody listens now.` };
  return { tone: "ok", text: `${command}: delivered to ${plural(count, "subscriber")}.` };
}
