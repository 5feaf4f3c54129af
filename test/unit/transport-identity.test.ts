import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isNodeId } from "../../cluster/node-id.ts";
import { loadIdentity, nodeIdOf, renewIdentity } from "../../cluster/transport/identity.ts";
import { deriveKeys, isSameMac, macOf } from "../../cluster/transport/secret.ts";

describe("identity", () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "flockmq-identity-"));
  });

  afterEach(async () => {
    await rm(dataDir, { recursive: true });
  });

  test("is made once and found again", async () => {
    const first = await loadIdentity(join(dataDir, "new"));
    const second = await loadIdentity(join(dataDir, "new"));
    expect(second).toEqual(first);
    expect(isNodeId(first.nodeId)).toBe(true);
    expect(first.nodeId).toBe(nodeIdOf(first.publicKey));
    expect([first.publicKey.length, first.seed.length]).toEqual([32, 32]);
  });

  test("is readable by its owner only and leaves nothing else behind", async () => {
    await loadIdentity(dataDir);
    expect((await stat(join(dataDir, "node.key"))).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(["node.key"]);
  });

  test("a damaged key is an error, not a new node", async () => {
    await writeFile(join(dataDir, "node.key"), "not a key");
    await expect(loadIdentity(dataDir)).rejects.toMatchObject({ code: "storage-corrupt" });
    expect(await readFile(join(dataDir, "node.key"), "utf8")).toBe("not a key");
  });

  test("renewing sets the old key aside and makes another node", async () => {
    const old = await loadIdentity(dataDir);
    const oldKey = await readFile(join(dataDir, "node.key"), "utf8");
    const renewed = await renewIdentity(dataDir, "set-aside-1");
    expect(renewed.nodeId).not.toBe(old.nodeId);
    expect(await loadIdentity(dataDir)).toEqual(renewed);
    expect(await readFile(join(dataDir, "node.key.set-aside-1"), "utf8")).toBe(oldKey);
  });

  test("renewing works where there was no key", async () => {
    const renewed = await renewIdentity(dataDir, "x");
    expect(await loadIdentity(dataDir)).toEqual(renewed);
  });
});

describe("secret", () => {
  const secret = Buffer.from("sixteen bytes ok");

  test("must have 16 bytes", () => {
    expect(() => deriveKeys(secret.subarray(1))).toThrow(/15 bytes/);
  });

  test("the same secret gives the same keys, another one others, and no key equals another", () => {
    const keys = deriveKeys(secret);
    expect(deriveKeys(secret)).toEqual(keys);
    expect(deriveKeys(Buffer.from("sixteen bytes no")).discoveryTag).not.toBe(keys.discoveryTag);
    expect(Buffer.compare(keys.helloKey, keys.noisePrologue)).not.toBe(0);
    expect(keys.discoveryTag).toMatch(/^[0-9a-f]{8}$/);
  });

  test("a MAC depends on where one part ends and the next begins", () => {
    const key = deriveKeys(secret).helloKey;
    const parts = (...texts: string[]) =>
      macOf(
        key,
        texts.map((text) => Buffer.from(text)),
      );
    expect(isSameMac(parts("ab", "c"), parts("ab", "c"))).toBe(true);
    expect(isSameMac(parts("ab", "c"), parts("a", "bc"))).toBe(false);
    expect(isSameMac(parts("ab"), Buffer.alloc(3))).toBe(false);
  });
});
