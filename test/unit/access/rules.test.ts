import { describe, expect, test } from "vitest";
import { RulesAuthorizer } from "../../../src/access/rules-authorizer.ts";
import { parseUsersFile } from "../../../src/access/users-file.ts";
import { scramRecordText } from "../../support/users.ts";

const record = scramRecordText("pw");

function rulesOf(text: string): RulesAuthorizer {
  const file = parseUsersFile(text.replaceAll("RECORD", record));
  return new RulesAuthorizer(() => file);
}

const joe = { clientId: "robot1", username: "joe" };
const stranger = { clientId: "robot2", username: "cn-of-a-certificate" };
const anonymous = { clientId: "robot3", username: null };

test("without rules everybody may do everything", () => {
  const rules = rulesOf("user joe RECORD");
  expect([joe, stranger, anonymous].map((who) => rules.canPublish(who, "a"))).toEqual([
    true,
    true,
    true,
  ]);
  expect(rules.subscribeRefusal(joe, "#")).toBeNull();
});

test("the first rule that fits decides, the user's own before everybody's, then the default", () => {
  const rules = rulesOf(`
    default deny
    everybody
      deny publish secret/#
      allow all open/#
    user joe RECORD
      allow publish secret/joe
      deny publish open/closed
  `);
  const topics = ["secret/joe", "secret/x", "open/x", "open/closed", "else"];
  expect(topics.map((topic) => rules.canPublish(joe, topic))).toEqual([
    true,
    false,
    true,
    false,
    false,
  ]);
  expect(topics.map((topic) => rules.canPublish(anonymous, topic))).toEqual([
    false,
    false,
    true,
    true,
    false,
  ]);
  expect(rules.canPublish(stranger, "open/x")).toBe(true);
});

test("braces stand for the client, as text and never as wildcards", () => {
  const rules = rulesOf(`
    default deny
    everybody
      allow all devices/{clientId}/#
      allow publish users/{username}/x-{clientId}
    user joe RECORD
  `);
  expect(rules.canPublish(joe, "devices/robot1/a/b")).toBe(true);
  expect(rules.canPublish(joe, "devices/robot2/a")).toBe(false);
  expect(rules.canPublish(joe, "users/joe/x-robot1")).toBe(true);
  expect(rules.subscribeRefusal(joe, "devices/robot1/+")).toBeNull();
  for (const clientId of ["+", "#", "a/b"]) {
    const evil = { clientId, username: null };
    expect(rules.canPublish(evil, "devices/robot1/a")).toBe(false);
    expect(rules.subscribeRefusal(evil, "devices/+/a")).toBe(0x87);
    expect(rules.subscribeRefusal(evil, "devices/robot1/a")).toBe(0x87);
  }
  // Who has no name is not in the folder of the empty name.
  expect(rules.canPublish(anonymous, "users//x-robot3")).toBe(false);
});

describe("a SUBSCRIBE", () => {
  const rules = rulesOf(`
    default deny
    everybody
      deny subscribe a/secret
      allow subscribe a/+
      allow subscribe b/#
      allow subscribe +/c
      allow subscribe $SYS/#
  `);

  test.each(["a/x", "b", "b/#", "b/+/x", "+/c", "x/c", "$SYS/broker/uptime", "$SYS/#"])(
    "of %s is within what is allowed",
    (filter) => {
      expect(rules.subscribeRefusal(anonymous, filter)).toBeNull();
    },
  );

  test.each(["#", "+/+", "a/#", "a", "c/#", "a/+/x", "$OTHER/x", "+/+/c"])(
    "of %s asks for more",
    (filter) => {
      expect(rules.subscribeRefusal(anonymous, filter)).toBe(0x87);
    },
  );

  test.each(["a/secret", "a/+", "+/secret"])("of %s would see what is denied", (filter) => {
    expect(rules.subscribeRefusal(anonymous, filter)).toBe(0x87);
  });

  test("of a filter that is denied exactly is refused, and wider ones are not", () => {
    const exact = rulesOf("default allow\neverybody\n deny subscribe exactly test/no 0x80");
    expect(exact.subscribeRefusal(joe, "test/no")).toBe(0x80);
    expect(["#", "test/+", "test/no/more"].map((f) => exact.subscribeRefusal(joe, f))).toEqual([
      null,
      null,
      null,
    ]);
  });

  test("beginning with a wildcard does not reach what begins with $, allowed or denied", () => {
    const dollar = rulesOf("default allow\neverybody\n deny subscribe $SYS/#\n deny publish #");
    expect(dollar.subscribeRefusal(joe, "#")).toBeNull();
    expect(dollar.subscribeRefusal(joe, "$SYS/x")).toBe(0x87);
    expect(dollar.canPublish(joe, "x")).toBe(false);
    expect(dollar.canPublish(joe, "$x")).toBe(true);
  });

  test("for everything does not let a device answer commands: that right is named", () => {
    const response = "$flockmq/responses/n1/0123";
    const broad = rulesOf("default deny\neverybody\n allow all #");
    expect(broad.canPublish(joe, response)).toBe(false);
    const named = rulesOf("default deny\neverybody\n allow publish $flockmq/responses/#");
    expect(named.canPublish(joe, response)).toBe(true);
    expect(named.subscribeRefusal(joe, "$flockmq/responses/#")).toBe(0x87);
  });
});

test("another file counts from the next message on", () => {
  let file = parseUsersFile("default allow\neverybody\n deny publish x");
  const rules = new RulesAuthorizer(() => file);
  expect([rules.canPublish(joe, "x"), rules.canPublish(joe, "x")]).toEqual([false, false]);
  file = parseUsersFile("default deny\neverybody\n allow publish x");
  expect([rules.canPublish(joe, "x"), rules.canPublish(joe, "y")]).toEqual([true, false]);
});

describe("the users file", () => {
  test.each([
    ["a word that means nothing", "usr joe RECORD", 1, "expected user, everybody"],
    ["a user without a record", "\nuser joe", 2, "expected user NAME RECORD"],
    ["a record that is none", "user joe hunter2", 1, 'user "joe": expected SCRAM-SHA-256$'],
    ["a user twice", "user joe RECORD\nuser joe RECORD", 2, "a second time"],
    ["a user twice in two forms", "user IX RECORD\nuser \u2168 RECORD", 2, "a second time"],
    ["a role without a user", "admin", 1, "below the line of a user"],
    ["a role of everybody", "everybody\nviewer", 2, "below the line of a user"],
    ["a rule without a section", "allow publish a", 1, "below the line of a user"],
    ["rules without a default", "everybody\nallow publish a\n", 3, "default deny"],
    ["an unknown action", "default deny\neverybody\nallow read a", 3, "expected allow publish"],
    ["a filter that is none", "default deny\neverybody\nallow publish a/#/b", 3, "a topic filter"],
    ["unknown braces", "default deny\neverybody\nallow publish {user}/a", 3, "without {user}"],
    ["a share", "default deny\neverybody\nallow subscribe $share/g/a", 3, "left out"],
    ["two topics", "default deny\neverybody\nallow publish a b", 3, "expected one topic"],
    ["a code that is none", "default deny\neverybody\ndeny subscribe a 0x99", 3, "0x80 or 0x87"],
    [
      "an exact topic",
      "default deny\neverybody\nallow subscribe exactly a",
      3,
      "deny subscribe only",
    ],
    ["an open quotation", 'user "joe RECORD', 1, "closed quotation"],
    ["a default that is none", "default maybe", 1, "default allow or default deny"],
  ])("with %s says where", (_what, text, line, message) => {
    expect(() => parseUsersFile(text.replaceAll("RECORD", record))).toThrow(
      expect.objectContaining({ line, message: expect.stringContaining(message) }),
    );
  });

  test("does not repeat in an error what may be a password", () => {
    expect(() => parseUsersFile("user joe hunter2")).not.toThrow(/hunter2/);
  });

  test("takes comments, quotations, indentation and Windows lines", () => {
    const file = parseUsersFile(
      `# all\r\ndefault deny\r\nuser "joe x" ${record}\r\n\tadmin\r\n  client-id robot-*\r\n  allow publish "a b/+"\r\n`,
    );
    expect(file.users.get("joe x")).toMatchObject({
      role: "admin",
      clientIds: ["robot-*"],
      rules: [{ isAllow: true, action: "publish", pattern: "a b/+" }],
    });
  });
});
