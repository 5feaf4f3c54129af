import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { preparedPassword, saslprep } from "../../../src/access/saslprep.ts";
import { ScramExchange, type ScramServer } from "../../../src/access/scram-exchange.ts";
import {
  deriveScramRecord,
  formatScramRecord,
  parseScramRecord,
  type ScramRecord,
} from "../../../src/access/scram-record.ts";
import { ScramClient } from "../../support/scram-client.ts";
import { scramRecordText } from "../../support/users.ts";

/** RFC 7677, section 3: user "user", password "pencil". */
const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
const example: ScramServer = {
  nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  recordOf: () => record,
};
const clientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const serverFirst =
  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const clientFinal =
  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

const record: ScramRecord = await deriveScramRecord("pencil", salt, 4096);
const bytes = (text: string) => Buffer.from(text);

describe("the example of RFC 7677", () => {
  test("is answered word for word", () => {
    const exchange = new ScramExchange(example);
    expect(exchange.step(bytes(clientFirst))).toEqual({
      status: "continue",
      data: bytes(serverFirst),
    });
    expect(exchange.step(bytes(clientFinal))).toEqual({
      status: "proved",
      username: "user",
      data: bytes(serverFinal),
    });
  });

  test("does not pass with any bit of the proof changed", () => {
    for (let bit = 0; bit < 256; bit += 13) {
      const exchange = new ScramExchange(example);
      exchange.step(bytes(clientFirst));
      const [head = "", proof = ""] = clientFinal.split(",p=");
      const changed = Buffer.from(proof, "base64");
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const step = exchange.step(bytes(`${head},p=${changed.toString("base64")}`));
      expect(step).toMatchObject({ status: "failed", reason: "wrong", username: "user" });
    }
  });
});

describe("a client-first message", () => {
  test.each([
    ["nothing", ""],
    ["no header", "n=user,r=abc"],
    ["channel binding", "p=tls-unique,,n=user,r=abc"],
    ["an unknown flag", "x,,n=user,r=abc"],
    ["no name", "n,,n=,r=abc"],
    ["no nonce", "n,,n=user,r="],
    ["a nonce with a control character", "n,,n=user,r=a\u0007c"],
    ["an extension that must be understood", "n,,m=x,n=user,r=abc"],
    ["an equals sign that stands for nothing", "n,,n=us=er,r=abc"],
    ["a NUL in the name", "n,,n=us\0er,r=abc"],
  ])("with %s is refused", (_what, text) => {
    expect(new ScramExchange(example).step(bytes(text))).toMatchObject({
      status: "failed",
      reason: "malformed",
    });
  });

  test("that is no UTF-8 is refused", () => {
    const step = new ScramExchange(example).step(Buffer.from([0x6e, 0x2c, 0x2c, 0xff]));
    expect(step).toMatchObject({ status: "failed", reason: "malformed" });
  });

  test("may say y for channel binding, name itself twice and bring extensions", () => {
    const names: string[] = [];
    const server = {
      nonce: "S",
      recordOf: (name: string) => {
        names.push(name);
        return record;
      },
    };
    for (const text of ["y,,n=a=2Cb=3Dc,r=x", "n,a=joe,n=joe,r=x", "n,,n=joe,r=x,t=1"]) {
      expect(new ScramExchange(server).step(bytes(text)).status).toBe("continue");
    }
    expect(names).toEqual(["a,b=c", "joe", "joe"]);
    const step = new ScramExchange(server).step(bytes("n,a=root,n=joe,r=x"));
    expect(step).toMatchObject({ status: "failed", reason: "wrong" });
  });
});

describe("a client-final message", () => {
  test.each([
    ["another nonce", clientFinal.replace("rOprNGfwEbeRWgbNEkqO%", "rOprNGfwEbeRWgbNEkqO&")],
    ["only the client's nonce", clientFinal.replace(/r=[^,]*/, "r=rOprNGfwEbeRWgbNEkqO")],
    ["another header", clientFinal.replace("c=biws", "c=eSws")],
    ["no proof", clientFinal.split(",p=")[0] ?? ""],
    ["a short proof", clientFinal.replace(/p=.*/, "p=AAAA")],
    ["rubbish", "rubbish"],
  ])("with %s is refused", (_what, text) => {
    const exchange = new ScramExchange(example);
    exchange.step(bytes(clientFirst));
    expect(exchange.step(bytes(text))).toMatchObject({ status: "failed", reason: "malformed" });
  });

  test("with the right proof is let in for any name and password, and with another one is not", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, maxLength: 20 }), async (password) => {
        const prepared = preparedPassword(Buffer.from(password, "utf8"));
        const own = await deriveScramRecord(prepared, salt, 4096);
        const run = (typed: string) => {
          const exchange = new ScramExchange({ nonce: "S", recordOf: () => own });
          const client = new ScramClient("joe", typed, "C");
          const first = exchange.step(client.first());
          if (first.status !== "continue") throw new Error(first.status);
          const last = exchange.step(client.final(first.data));
          return last.status === "proved" && client.isProvedBy(last.data);
        };
        expect(run(prepared.toString())).toBe(true);
        expect(run(`${prepared}x`)).toBe(false);
      }),
      { numRuns: 15 },
    );
  });
});

test("rubbish never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (a, b) => {
      const exchange = new ScramExchange(example);
      if (exchange.step(Buffer.from(a)).status === "continue") exchange.step(Buffer.from(b));
      exchange.step(Buffer.from(b));
    }),
  );
});

describe("a record", () => {
  const text = scramRecordText("pencil");

  test("is the same after writing and reading, and its password cannot be told from it", () => {
    const read = parseScramRecord(text);
    if (typeof read === "string") throw new Error(read);
    expect(formatScramRecord(read)).toBe(text);
    expect(text).not.toContain("pencil");
  });

  test.each([
    ["nothing", "", "SCRAM-SHA-256$"],
    ["another method", text.replace("256", "1"), "SCRAM-SHA-256$"],
    ["too few iterations", text.replace("4096", "4095"), "4096 to 1000000 iterations, not 4095"],
    ["absurdly many", text.replace("4096", "999999999"), "not 999999999"],
    ["more than a number holds", text.replace("4096", "9".repeat(40)), "SCRAM-SHA-256$"],
    ["a short salt", text.replace(/:[^$]*\$/, ":QUJD$"), "a salt of 8 to 64 bytes, not 3"],
    ["a short key", text.slice(0, -5), "SCRAM-SHA-256$"],
  ])("with %s is not taken", (_what, broken, expected) => {
    expect(parseScramRecord(broken)).toContain(expected);
  });
});

describe("SASLprep", () => {
  test.each([
    ["I\u00adX", "IX"],
    ["user", "user"],
    ["USER", "USER"],
    ["\u00aa", "a"],
    ["\u2168", "IX"],
    ["a\u00a0b", "a b"],
    ["a\u0007b", null],
    ["a\ud800", null],
  ])("makes %j into %j", (text, prepared) => {
    expect(saslprep(text)).toBe(prepared);
  });

  test("leaves passwords that are no text as they are", () => {
    const password = Buffer.from([0xff, 0x00, 0x41]);
    expect(preparedPassword(password)).toBe(password);
  });
});
