import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { CliError } from "./cli-error.ts";
import { exitCodes } from "./exit-codes.ts";

const passwordSizeBytesMax = 4096;

/** The first line of stdin; at a terminal it is asked for twice, and not shown. */
export async function readPassword(name: string): Promise<string> {
  if (process.stdin.isTTY !== true) return firstLine();
  const password = await ask(`Password of ${name}: `);
  if ((await ask("Again: ")) !== password) {
    throw new CliError("the two passwords differ; nothing was changed", exitCodes.usage);
  }
  return password;
}

function ask(question: string): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  return new Promise((resolve, reject) => {
    lines.once("SIGINT", () => {
      lines.close();
      reject(new CliError("nothing was changed", exitCodes.usage));
    });
    lines.question("", (answer) => {
      lines.close();
      process.stderr.write("\n");
      resolve(answer);
    });
  });
}

async function firstLine(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) {
    text += chunk;
    if (text.length > passwordSizeBytesMax) {
      throw new CliError("expected a password of one line on stdin", exitCodes.usage);
    }
  }
  return text.split(/\r?\n/, 1)[0] ?? "";
}
