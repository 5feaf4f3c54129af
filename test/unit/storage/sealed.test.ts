import { describe, expect, it } from "vitest";
import { Sealer, seal, unseal } from "../../../cluster/storage/sealed.ts";
import { LevelDirectory } from "../../support/level-directory.ts";
import { applied, entries, stateOf, written } from "../../support/storage-changes.ts";

const sizes = [0, 1, 100, 16 * 1024 - 4, 16 * 1024 - 3, 100_000];

describe("a sealer", () => {
  it("seals as `seal` does, values of all sizes", () => {
    const sealer = new Sealer();
    for (const sizeBytes of sizes) {
      const value = Buffer.alloc(sizeBytes, sizeBytes % 251);
      const sealed = sealer.seal("a key", value);
      expect(sealed.equals(seal("a key", value))).toBe(true);
      expect(unseal("a key", sealed).equals(value)).toBe(true);
    }
  });

  it("keeps the records of one batch apart", async () => {
    const directory = await LevelDirectory.make();
    const storage = directory.storage(() => {}, 1);
    await storage.open();
    const records = Object.fromEntries(sizes.map((size) => [`k${size}`, `${size}`.repeat(size)]));
    await written(storage, { entries: entries(1, 1) });
    // By themselves: they wait as they are, and are sealed when they leave.
    await written(storage, { applied: applied(1, records) });
    expect(await stateOf(storage)).toEqual(records);
    await storage.close();
    await directory.remove();
  });
});
