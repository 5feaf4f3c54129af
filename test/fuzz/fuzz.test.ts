import { afterAll, beforeAll, expect, test } from "vitest";
import { WireBroker } from "../support/wire-broker.ts";
import { attack } from "./attack.ts";
import { Choices } from "./choices.ts";
import { attempt } from "./generator.ts";
import { Witnesses } from "./witnesses.ts";

const wire = new WireBroker({ sessionExpirySecondsMax: 1, lingerMs: 200 });
beforeAll(() => wire.start());
afterAll(() => wire.stop());

test("the same seed is the same attack", () => {
  const [one, two] = [new Choices(7), new Choices(7)];
  for (let count = 0; count < 50; count++) expect(attempt(one)).toEqual(attempt(two));
});

test("random bytes and mutated packets harm neither the broker nor the clients beside them", async () => {
  const before = wire.broker.figures().connections;
  const witnesses = await Witnesses.start("127.0.0.1", wire.port, 1);
  let isOver = false;
  const testimony = witnesses.testify(() => isOver);
  const result = await attack({
    host: "127.0.0.1",
    port: wire.port,
    seed: 20_260_731,
    packets: 10_000,
    connectionsAtOnce: 32,
  });
  isOver = true;
  expect(result.faults).toEqual([]);
  expect(result.packetsReceived).toBeGreaterThan(1000);
  expect((await testimony).messages).toBeGreaterThan(10);
  expect(wire.broker.counters.internalErrors).toBe(0);
  expect(wire.log.errors).toEqual([]);
  expect(wire.broker.counters.malformedPackets).toBeGreaterThan(300);
  witnesses.close();
  const figures = () => wire.broker.figures();
  await expect.poll(() => figures().connections, { timeout: 5000 }).toBe(before);
  await expect.poll(() => figures().sessions, { timeout: 5000 }).toBe(0);
  expect(figures().subscriptions).toBe(0);
});
