import { pbkdf2Sync } from "node:crypto";
import { formatScramRecord, recordOfSaltedPassword } from "../../src/access/scram-record.ts";

/** A record as `cluster user add` writes it, with as little work as the file takes. */
export function scramRecordText(password: string, iterations = 4096): string {
  const salt = Buffer.from("0123456789abcdef");
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  return formatScramRecord(recordOfSaltedPassword(salted, salt, iterations));
}

/** The users of the conformance tests: that of RFC 7677's example, with its password "pencil", and one with an empty password. */
export const conformanceUsers = `default allow
user user ${scramRecordText("pencil")}
user open ${scramRecordText("")}
everybody
  deny subscribe exactly test/nosubscribe 0x80
`;
