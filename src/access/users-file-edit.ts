/** Changes of the text of a users file that keep what people wrote around them. */

/** `text` must be a valid file. A user that is not there gets its line at the end. */
export function setUserRecord(text: string, name: string, record: string): string {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => userOf(line) === name);
  const line = `user ${written(name)} ${record}`;
  if (at >= 0) return lines.with(at, line).join("\n");
  const separator = text === "" || text.endsWith("\n") ? "" : "\n";
  return `${text}${separator}${line}\n`;
}

/** The user's line and those that belong to it, up to the next section. */
export function removeUser(text: string, name: string): string {
  const lines = text.split("\n");
  const from = lines.findIndex((line) => userOf(line) === name);
  if (from < 0) return text;
  const after = lines.slice(from + 1);
  const length = after.findIndex((line) => /^\s*(user|everybody|default)(\s|$)/.test(line));
  const kept =
    length < 0
      ? after.filter((line, i) => line === "" && i === after.length - 1)
      : after.slice(length);
  return [...lines.slice(0, from), ...kept].join("\n");
}

function userOf(line: string): string | null {
  const match = /^\s*user\s+("(?:[^"\\]|\\.)*"|\S+)/.exec(line);
  const word = match?.[1];
  if (word === undefined) return null;
  return word.startsWith('"') ? (JSON.parse(word) as string) : word;
}

function written(name: string): string {
  return /^[^\s"]+$/.test(name) ? name : JSON.stringify(name);
}
