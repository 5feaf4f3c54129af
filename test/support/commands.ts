import { isDeepStrictEqual } from "node:util";
import type { AttributeUpdate, Command } from "../../src/replica/replica-api.ts";

/** As it was before it was encoded. Throws when the text that was read beside a value says something else. */
export function withoutTexts(command: Command): Command {
  if (command.type === "states") {
    return {
      ...command,
      groups: command.groups.map((group) => ({
        ...group,
        updates: group.updates.map(withoutText),
      })),
    };
  }
  return "updates" in command ? { ...command, updates: command.updates.map(withoutText) } : command;
}

function withoutText({ text, ...update }: AttributeUpdate): AttributeUpdate {
  const said: unknown = text === undefined || text === "" ? undefined : JSON.parse(text);
  if (isDeepStrictEqual(said, update.value)) return update;
  throw new Error(`${text} is not ${JSON.stringify(update.value)}`);
}
