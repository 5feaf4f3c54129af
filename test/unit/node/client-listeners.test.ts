import { expect, test } from "vitest";
import type { ChannelAcceptor } from "../../../src/broker/channel.ts";
import { ClientListeners } from "../../../src/client-listeners.ts";
import { listenerLimits } from "../../../src/listeners/limits.ts";
import type { Listener, ListenOptions } from "../../../src/listeners/listener.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { silentLog } from "../../support/silent-log.ts";

const acceptor: ChannelAcceptor = {
  accept: () => null,
  tryUpgrade: () => false,
  upgradeEnded() {},
};
const { reopenIntervalMs } = listenerLimits;

/** A machine on which ports can be taken away: what listens there, by option. */
class Doors {
  readonly clock = new FakeClock();
  readonly open = new Set<string>();
  readonly errors: string[] = [];
  readonly infos: string[] = [];
  isTaken = false;
  readonly listeners = new ClientListeners(
    acceptor,
    {
      ...silentLog,
      error: (_fields, message) => this.errors.push(message),
      info: (_fields, message) => this.infos.push(message),
    },
    this.clock,
  );

  add(optionName: string, port: number, isShared = true): Promise<number> {
    const options = { host: "127.0.0.1", port, isPortFixed: true, isShared, optionName };
    return this.listeners.open((asked) => this.#listen(asked), options);
  }

  async pass(durationMs: number): Promise<void> {
    this.clock.advance(durationMs);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #listen({ host, port, optionName }: ListenOptions): Promise<Listener> {
    if (this.isTaken) throw new Error("EADDRINUSE");
    this.open.add(optionName);
    const stopAccepting = async () => {
      this.open.delete(optionName);
    };
    return { host, port, stopAccepting };
  }
}

async function twoDoors(): Promise<Doors> {
  const doors = new Doors();
  await doors.add("--mqtt", 1883);
  await doors.add("--ws", 8083);
  return doors;
}

test("only the doors that somebody else holds are left, and each comes back by itself", async () => {
  const doors = await twoDoors();
  await doors.add("--wss", 8084, false);
  const { listeners } = doors;
  expect(listeners.openShared()).toEqual(["--mqtt 127.0.0.1:1883", "--ws 127.0.0.1:8083"]);
  await listeners.leave(new Set(["--mqtt 127.0.0.1:1883", "--ws 127.0.0.1:9999"]));
  expect([...doors.open]).toEqual(["--ws", "--wss"]);
  expect(listeners.openShared()).toEqual(["--ws 127.0.0.1:8083"]);
  await listeners.leave(new Set(["--ws 127.0.0.1:8083", "--wss 127.0.0.1:8084"]));
  expect([...doors.open]).toEqual(["--wss", "--mqtt"]);
  await listeners.leave(new Set());
  expect(doors.open.size).toBe(3);
  expect(doors.clock.pendingTimers()).toBe(0);
});

test("a port that cannot be opened again is tried until it works, and is not told of as open", async () => {
  const doors = await twoDoors();
  const { listeners } = doors;
  expect(listeners.areOpen).toBe(true);
  await listeners.leave(new Set(listeners.openShared()));
  expect(listeners.areOpen).toBe(false);
  doors.isTaken = true;
  await listeners.leave(new Set());
  await doors.pass(reopenIntervalMs);
  await doors.pass(reopenIntervalMs);
  expect(listeners.areOpen).toBe(false);
  expect(doors.errors).toHaveLength(2);
  doors.isTaken = false;
  await doors.pass(reopenIntervalMs);
  expect([...doors.open]).toEqual(["--mqtt", "--ws"]);
  expect(listeners.areOpen).toBe(true);
  expect(doors.infos).toEqual(Array(2).fill("a shared port is open again"));
  expect(doors.clock.pendingTimers()).toBe(0);
});

test("a port that is to be left after all is not tried any more, nor one of a node that stops", async () => {
  const doors = await twoDoors();
  const { listeners } = doors;
  const both = new Set(listeners.openShared());
  await listeners.leave(both);
  doors.isTaken = true;
  await listeners.leave(new Set());
  await listeners.leave(both);
  expect(doors.clock.pendingTimers()).toBe(0);
  await listeners.leave(new Set());
  await listeners.stopAccepting();
  doors.isTaken = false;
  await doors.pass(reopenIntervalMs);
  expect(doors.clock.pendingTimers()).toBe(0);
  expect(doors.open.size).toBe(0);
});
