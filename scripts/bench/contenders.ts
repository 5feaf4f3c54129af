import { type Broker, startFlockMq, targetBroker } from "./brokers.ts";
import type { BenchOptions } from "./command-line.ts";
import { flockMqVersion } from "./machine.ts";
import { startAedes } from "./peers/aedes.ts";
import { startMosquitto } from "./peers/mosquitto.ts";
import { startNatsMqtt } from "./peers/nats.ts";
import { freePort } from "./processes.ts";
import type { Contender } from "./rounds.ts";
import { plainVariant, variantsOf } from "./variants.ts";

/** Clients land on one or the other by chance. */
const sharedPort = "2 behind one port";

export interface Contest {
  readonly contenders: readonly Contender[];
  /** The name of the one that all are compared with. */
  readonly reference: string;
  stop(): Promise<void>;
}

/** Starts the brokers of a run. One that is not installed is left out, and `log` says so. */
export async function startContest(
  options: BenchOptions,
  log: (line: string) => void,
): Promise<Contest> {
  const brokers: Broker[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(brokers.map((broker) => broker.stop()));
  };
  const isWanted = (name: string): boolean => options.brokers.includes(name);
  const addPeer = async (name: string, start: () => Promise<Broker | null>): Promise<void> => {
    if (!isWanted(name)) return;
    try {
      const broker = await start();
      if (broker !== null) brokers.push(broker);
      else log(`${name} is not installed: it is left out`);
    } catch (error) {
      log(`${name} does not start: it is left out: ${(error as Error).message}`);
    }
  };
  const version = flockMqVersion();
  try {
    if (options.mode === "cluster") {
      for (const nodes of [2, 3]) brokers.push(await startFlockMq(nodes, version));
      await addPeer("nats-server", () => startNatsMqtt(3));
    } else if (options.mode === "shared-port") {
      brokers.push(await startFlockMq(1, version));
      const args = ["--reuse-port", "--mqtt", String(await freePort())];
      brokers.push({ ...(await startFlockMq(2, version, { args })), name: sharedPort });
    } else if (options.mode === "variants") {
      brokers.push(await startFlockMq(1, version));
    } else {
      if (isWanted("flockmq")) brokers.push(await startFlockMq(1, version));
      await addPeer("mosquitto", startMosquitto);
      await addPeer("nats-server", () => startNatsMqtt(1));
      await addPeer("aedes", startAedes);
      brokers.push(...options.targets.map(({ address, pid }) => targetBroker(address, pid)));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const contenders =
    options.mode === "variants"
      ? variantsOf(brokers[0]!)
      : brokers.map((broker) => ({ name: broker.name, broker, variant: {} }));
  const references = {
    brokers: "mosquitto",
    variants: plainVariant,
    cluster: "nats-server x 3",
    "shared-port": "flockmq",
  };
  return { contenders, reference: references[options.mode], stop };
}
