import { beforeEach, describe, expect, it } from "vitest";
import { SeedDialler } from "../../../cluster/drivers/seed-dialler.ts";
import { Counters } from "../../../cluster/ports.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { idOf, PeerNetwork, type PeerTransport, pass } from "../../support/peer-network.ts";
import { silentLog } from "../../support/silent-log.ts";

describe("the operator's addresses", () => {
  let clock: FakeClock;
  let network: PeerNetwork;
  let transport: PeerTransport;
  const self = idOf(1);
  const moved = idOf(2);

  function seeds(addresses: readonly string[]): SeedDialler {
    return new SeedDialler({
      transport,
      clock,
      random: () => 0.5,
      log: silentLog,
      counters: new Counters(),
      addresses,
      areAllLinked: () => transport.links().includes(moved),
    });
  }

  beforeEach(() => {
    clock = new FakeClock();
    network = new PeerNetwork(clock);
    transport = network.add(self);
  });

  it("are tried in turn until the members are linked, and again when one is lost", async () => {
    seeds(["nobody", moved]).start();
    await pass(clock, 4000);
    expect(transport.dialled).toEqual(["nobody", moved]);
    network.add(moved);
    await pass(clock, 4000);
    expect(transport.links()).toEqual([moved]);
    const dials = transport.dialled.length;
    await pass(clock, 60_000, 500);
    expect(transport.dialled).toHaveLength(dials);
    network.unlink(self, moved);
    await pass(clock, 4000);
    expect(transport.links()).toEqual([moved]);
  });

  it("cost nothing when there are none, and rest after stop", async () => {
    seeds([]).start();
    const driver = seeds(["nobody"]);
    driver.start();
    await pass(clock, 2000);
    driver.stop();
    await pass(clock, 10_000, 500);
    expect(transport.dialled).toEqual(["nobody"]);
  });

  it("are not dialled again when stop comes during a dial", async () => {
    const driver = seeds(["nobody"]);
    driver.start();
    transport.dial = async (address) => {
      transport.dialled.push(address);
      driver.stop();
      throw new Error("unreachable");
    };
    await pass(clock, 20_000, 500);
    expect(transport.dialled).toEqual(["nobody"]);
  });
});
