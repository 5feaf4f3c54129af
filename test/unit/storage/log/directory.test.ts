import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LogDirectory } from "../../../../cluster/storage/log/directory.ts";

test("a directory is let go when nothing is written to it any more", async () => {
  const root = await mkdtemp(join(tmpdir(), "flockmq-log-"));
  const directory = new LogDirectory(join(root, "log"));
  const done: string[] = [];
  const creating = directory
    .create({ number: 1, salt: 1 }, Buffer.alloc(1_000_000, 1))
    .then(() => done.push("created"));
  await directory.close();
  done.push("closed");
  await creating;
  expect(done).toEqual(["created", "closed"]);
  expect(await readdir(join(root, "log"))).toEqual(["00000001-00000001.log"]);
  await rm(root, { recursive: true });
});
