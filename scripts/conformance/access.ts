import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformanceUsers } from "../../test/support/users.ts";

let args: Promise<readonly string[]> | null = null;

/** The options of a node that has the user of the suite and lets in all who give no name. */
export function suiteAccess(): Promise<readonly string[]> {
  args ??= writeUsers();
  return args;
}

async function writeUsers(): Promise<readonly string[]> {
  const file = join(await mkdtemp(join(tmpdir(), "flockmq-users-")), "users");
  await writeFile(file, conformanceUsers, { mode: 0o600 });
  return ["--users-file", file, "--allow-anonymous"];
}
