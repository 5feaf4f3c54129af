import { accessLimits } from "./limits.ts";
import { saslprep } from "./saslprep.ts";
import { parseScramRecord, type ScramRecord } from "./scram-record.ts";
import { type Action, patternProblem, type TopicRule } from "./topic-rule.ts";

/** What a person may do at the HTTP API. */
export type ApiRole = "none" | "viewer" | "admin";

export interface User {
  readonly name: string;
  readonly record: ScramRecord;
  readonly role: ApiRole;
  readonly rules: readonly TopicRule[];
  /** Client identifiers it may use, `*` at the end for any rest; empty: all. */
  readonly clientIds: readonly string[];
}

export interface UsersFile {
  readonly users: ReadonlyMap<string, User>;
  /** After the user's own. */
  readonly everybody: readonly TopicRule[];
  /** What happens when no rule decides. */
  readonly isAllowedByDefault: boolean;
}

/** The file cannot be taken as it is; `line` counts from 1. */
export class UsersFileError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = "UsersFileError";
    this.line = line;
  }
}

interface OpenUser {
  readonly name: string;
  readonly record: ScramRecord;
  role: ApiRole;
  readonly rules: TopicRule[];
  readonly clientIds: string[];
}

/** Words of a line; those in quotes as JSON has them. */
const word = /"(?:[^"\\]|\\.)*"|\S+/g;

/** Reads `docs/users-file.md`'s format. Throws {@link UsersFileError} at the first line that is wrong. */
export function parseUsersFile(text: string): UsersFile {
  const reading = new Reading();
  let line = 0;
  for (let at = 0; at <= text.length; ) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    line++;
    reading.line(text.slice(at, end), line);
    at = end + 1;
  }
  return reading.end(line);
}

class Reading {
  readonly #users = new Map<string, OpenUser>();
  readonly #everybody: TopicRule[] = [];
  #default: boolean | null = null;
  #hasRules = false;
  #section: OpenUser | "everybody" | null = null;
  #line = 0;

  line(text: string, line: number): void {
    this.#line = line;
    const words = (text.match(word) ?? []).map((part) => this.#unquoted(part));
    const [first] = words;
    if (first === undefined || text.trimStart().startsWith("#")) return;
    if (first === "user") this.#user(words);
    else if (first === "everybody") this.#everybodySection(words);
    else if (first === "default") this.#defaultRule(words);
    else if (first === "admin" || first === "viewer") this.#role(first, words);
    else if (first === "client-id") this.#clientId(words);
    else if (first === "allow" || first === "deny") this.#rule(first === "allow", words);
    else {
      this.#fail(
        `expected user, everybody, default, admin, viewer, client-id, allow or deny, not ${quoted(first)}`,
      );
    }
  }

  end(line: number): UsersFile {
    if (this.#hasRules && this.#default === null) {
      this.#line = line;
      this.#fail('expected a line "default deny" or "default allow", since there are rules');
    }
    return {
      users: this.#users,
      everybody: this.#everybody,
      isAllowedByDefault: this.#default ?? true,
    };
  }

  #user(words: readonly string[]): void {
    const [, written = "", text = ""] = words;
    if (words.length !== 3) this.#fail("expected user NAME RECORD");
    const name = saslprep(written) ?? written;
    const problem = userNameProblem(name);
    if (problem !== null) this.#fail(`expected ${problem}`);
    if (this.#users.has(name)) this.#fail(`user ${quoted(name)} stands here a second time`);
    if (this.#users.size >= accessLimits.usersMax) {
      this.#fail(`expected at most ${accessLimits.usersMax} users`);
    }
    const record = parseScramRecord(text);
    // The text itself is a secret of a kind, and errors are logged.
    if (typeof record === "string") return this.#fail(`user ${quoted(name)}: expected ${record}`);
    this.#section = { name, record, role: "none", rules: [], clientIds: [] };
    this.#users.set(name, this.#section);
  }

  #everybodySection(words: readonly string[]): void {
    if (words.length !== 1) this.#fail("expected everybody alone on its line");
    this.#section = "everybody";
  }

  #defaultRule([, value, ...more]: readonly string[]): void {
    if ((value !== "allow" && value !== "deny") || more.length > 0) {
      this.#fail("expected default allow or default deny");
    }
    if (this.#default !== null) this.#fail("default stands here a second time");
    this.#default = value === "allow";
  }

  #role(role: "admin" | "viewer", words: readonly string[]): void {
    if (words.length !== 1) this.#fail(`expected ${role} alone on its line`);
    this.#ownSection(role).role = role;
  }

  #clientId([, pattern = "", ...more]: readonly string[]): void {
    if (pattern === "" || more.length > 0) this.#fail("expected client-id PATTERN");
    const { clientIds } = this.#ownSection("client-id");
    if (clientIds.length >= accessLimits.rulesMax) this.#failFull();
    clientIds.push(pattern);
  }

  #rule(isAllow: boolean, words: readonly string[]): void {
    const [verb, action = "", ...rest] = words;
    if (action !== "publish" && action !== "subscribe" && action !== "all") {
      this.#fail(`expected ${verb} publish, ${verb} subscribe or ${verb} all`);
    }
    const isExact = rest.length > 1 && rest[0] === "exactly";
    const [pattern = "", code, ...more] = isExact ? rest.slice(1) : rest;
    const problem = patternProblem(pattern);
    if (problem !== null) this.#fail(`expected ${problem}, not ${quoted(pattern)}`);
    if (isExact && (isAllow || action !== "subscribe")) {
      this.#fail('"exactly" goes with deny subscribe only');
    }
    const isRefusalGiven = code !== undefined;
    if (more.length > 0 || (isRefusalGiven && (isAllow || !/^0x8[07]$/.test(code)))) {
      this.#fail("expected one topic, and behind one that is denied perhaps 0x80 or 0x87");
    }
    const rules =
      this.#section === "everybody" ? this.#everybody : this.#ownSection(verb ?? "").rules;
    if (rules.length >= accessLimits.rulesMax) this.#failFull();
    this.#hasRules = true;
    const refusal = code === "0x80" ? 0x80 : 0x87;
    rules.push({ isAllow, action: action as Action, pattern, isExact, refusal });
  }

  #ownSection(what: string): OpenUser {
    if (this.#section !== null && this.#section !== "everybody") return this.#section;
    return this.#fail(`expected ${what} below the line of a user`);
  }

  #failFull(): never {
    return this.#fail(`expected at most ${accessLimits.rulesMax} such lines in one section`);
  }

  #unquoted(part: string): string {
    if (!part.startsWith('"')) return part;
    try {
      return JSON.parse(part) as string;
    } catch {
      return this.#fail("expected a closed quotation");
    }
  }

  #fail(message: string): never {
    throw new UsersFileError(this.#line, message);
  }
}

/** Why this cannot be the name of a user, or null when it can. */
export function userNameProblem(name: string): string | null {
  const { nameSizeBytesMax } = accessLimits;
  if (name === "" || /\p{Cc}/u.test(name) || !name.isWellFormed()) {
    return "a name without control characters";
  }
  return Buffer.byteLength(name) > nameSizeBytesMax
    ? `a name of at most ${nameSizeBytesMax} bytes`
    : null;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
