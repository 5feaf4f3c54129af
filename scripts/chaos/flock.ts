import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StatusAnswer } from "../support/local-cluster.ts";
import { NodeProcess, type ReadyLine } from "../support/node-process.ts";
import type { Namespaces } from "./namespaces.ts";
import { type RecordedDirectory, recorderEnvironment } from "./power-loss/power-loss.ts";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";

const startTimeoutMs = 60_000;
const faces = ["mqtt", "ws", "http", "peer"] as const;

export interface FlockOptions {
  readonly nodes: number;
  /** Each node in a namespace of its own, this process in one that reaches them all; null: all on 127.0.0.1. */
  readonly network: Namespaces | null;
  /** The recorder library; null: power is not lost in this run. */
  readonly recorder: string | null;
  /** The first node writes to a small file system of its own. */
  readonly hasSmallDisk: boolean;
}

/** Where a node stands; the node in it may be replaced by another with a name of its own. */
export interface Place extends RecordedDirectory {
  readonly index: number;
  readonly host: string;
  readonly name: string;
  process: NodeProcess;
  /** Of the last start that got so far. */
  ready: ReadyLine | null;
}

type PlaceOfStart = Omit<Place, "process">;

export interface Endpoint {
  readonly name: string;
  readonly host: string;
  readonly mqtt: number;
  readonly http: number;
}

/** Real nodes whose processes, directories and links can be harmed one by one. */
export class Flock {
  readonly places: Place[] = [];
  readonly network: Namespaces | null;
  readonly cwd: string;
  readonly #recorder: string | null;
  /** Under the directory of the first place. */
  smallDisk: SmallDisk | null = null;
  #generation = 0;

  private constructor(cwd: string, { network, recorder }: FlockOptions) {
    this.cwd = cwd;
    this.network = network;
    this.#recorder = recorder;
  }

  static async start(options: FlockOptions): Promise<Flock> {
    const cwd = await mkdtemp(join(tmpdir(), "flockmq-chaos-"));
    const flock = new Flock(cwd, options);
    try {
      for (let index = 0; index < options.nodes; index++) {
        const name = `n${index + 1}`;
        if (index === 0 && options.hasSmallDisk) {
          flock.smallDisk = await mountSmallDisk(flock.#dataDirOf(name));
        }
        const place = flock.#newPlace(index, name);
        flock.places.push(place);
        await flock.#whenReady(place);
      }
    } catch (error) {
      await flock.stop();
      throw error;
    }
    return flock;
  }

  /** Whether power can be lost. */
  get isRecorded(): boolean {
    return this.#recorder !== null;
  }

  /** Clients may try these, whether their nodes are well or not. */
  endpoints(): readonly Endpoint[] {
    return this.places.flatMap(({ name, host, ready }) =>
      ready === null ? [] : [{ name, host, mqtt: ready.mqtt, http: ready.http }],
    );
  }

  placeAt(index: number): Place {
    const place = this.places[index];
    if (place === undefined) throw new Error(`there is no place ${index}`);
    return place;
  }

  /** Kill -9, and gone when it resolves. */
  async kill(places: readonly Place[]): Promise<void> {
    for (const { process } of places) process.signal("SIGKILL");
    await Promise.all(places.map(({ process }) => process.exited));
  }

  /** Starts the node of this place again on its directory and ports. Resolves when it is ready. */
  async restart(place: Place): Promise<void> {
    place.process = this.#spawn(place);
    await this.#whenReady(place);
  }

  /** After a nemesis that failed half way: links whole, everyone running. Rejects when a node does not start. */
  async repair(): Promise<void> {
    this.network?.heal();
    await this.smallDisk?.makeRoom();
    for (const place of this.places) {
      place.process.signal("SIGCONT");
      if (!place.process.isRunning) await this.restart(place);
    }
  }

  /** Another node, with an empty directory and a new name, where one is or was. The old process goes on if it runs. */
  async replace(index: number): Promise<Place> {
    const old = this.placeAt(index);
    this.#generation++;
    const place = this.#newPlace(index, `n${index + 1}g${this.#generation}`);
    await this.#whenReady(place).catch(async (error: unknown) => {
      await place.process.stop();
      throw error;
    });
    this.places[this.places.indexOf(old)] = place;
    return place;
  }

  /** Takes a member out for good, asking the others until one agrees. */
  async remove(nameOrId: string, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    let answer = "no node answers";
    while (performance.now() < deadlineMs) {
      for (const { host, http } of this.#running()) {
        const url = `http://${host}:${http}/api/v1/cluster/members/${nameOrId}`;
        const signal = AbortSignal.timeout(10_000);
        const response = await fetch(url, { method: "DELETE", signal }).catch(() => null);
        if (response?.ok === true || response?.status === 404) return;
        answer = (await response?.text().catch(() => "")) ?? answer;
      }
      await pause(500);
    }
    throw new Error(`${nameOrId} was not removed: ${answer}`);
  }

  async status(): Promise<StatusAnswer | null> {
    for (const { host, http } of this.#running()) {
      try {
        const url = `http://${host}:${http}/api/v1/cluster`;
        const answer = await fetch(url, { signal: AbortSignal.timeout(6000) });
        if (answer.ok) return (await answer.json()) as StatusAnswer;
      } catch {
        // On its way down, or paused; another may answer.
      }
    }
    return null;
  }

  /** Until all are members, well, equal, and the usual number of them votes. */
  async whenInSync(timeoutMs: number): Promise<StatusAnswer> {
    const deadlineMs = performance.now() + timeoutMs;
    const voters = Math.min(5, this.places.length - ((this.places.length + 1) % 2));
    for (;;) {
      const status = await this.status();
      const voting = status?.nodes.filter((node) => node.voter).length;
      const isComplete = status?.nodes.length === this.places.length && voting === voters;
      if (status?.inSync === true && isComplete) return status;
      if (performance.now() > deadlineMs) {
        const members = status?.nodes.map(({ name, state, role }) => `${name} ${role} ${state}`);
        const facts = JSON.stringify({ reasons: status?.reasons ?? "no node answers", members });
        throw new Error(`not in sync after ${timeoutMs} ms: ${facts}\n${this.#logsOfEnded()}`);
      }
      await pause(200);
    }
  }

  async leader(timeoutMs: number): Promise<Place> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const name = (await this.status())?.leader;
      const place = this.places.find((one) => one.name === name);
      if (place !== undefined) return place;
      if (performance.now() > deadlineMs) throw new Error("there is no leader");
      await pause(50);
    }
  }

  /** With `keepsDirectory`, what the nodes stored stays, for whoever has to find out why. */
  async stop(keepsDirectory = false): Promise<void> {
    await Promise.all(
      this.places.map(({ process }) => (process.isRunning ? process.stop() : undefined)),
    );
    if (keepsDirectory && this.smallDisk !== null) {
      const kept = join(this.cwd, "small-disk");
      await cp(this.#dataDirOf("n1"), kept, { recursive: true }).catch(() => undefined);
    }
    this.smallDisk?.unmount();
    if (keepsDirectory) {
      console.error(`what the nodes stored is left in ${this.cwd}`);
      return;
    }
    await rm(this.cwd, { recursive: true, force: true, maxRetries: 3 }).catch((error: Error) => {
      console.error(`${this.cwd} is left: ${error.message}`);
    });
  }

  #running(): readonly Endpoint[] {
    const running = this.places.filter(({ process }) => process.isRunning).map(({ name }) => name);
    return this.endpoints().filter(({ name }) => running.includes(name));
  }

  #dataDirOf(name: string): string {
    return join(this.cwd, "flockmq-data", name);
  }

  #newPlace(index: number, name: string): Place {
    const host = this.network?.addressOf(index) ?? "127.0.0.1";
    const dataDir = this.#dataDirOf(name);
    const shadow = join(this.cwd, "shadows", name);
    const start: PlaceOfStart = { index, name, host, dataDir, shadow, ready: null };
    return { ...start, process: this.#spawn(start) };
  }

  async #whenReady(place: Place): Promise<void> {
    place.ready = await place.process.whenReady(startTimeoutMs);
  }

  #spawn(place: PlaceOfStart): NodeProcess {
    const { index, name, host, dataDir, ready } = place;
    const ports = faces.flatMap((face) => [`--${face}`, `${host}:${ready?.[face] ?? 0}`]);
    const seeds = this.places
      .filter((other) => other.name !== name && other.ready !== null)
      .map((other) => `${other.host}:${other.ready?.peer}`);
    const join = seeds.length === 0 ? [] : ["--join", seeds.join(",")];
    const open = this.network === null ? [] : ["--allow-anonymous"];
    const directory = ["--name", name, "--data-dir", dataDir, "--mdns", "off"];
    return new NodeProcess({
      cwd: this.cwd,
      args: [...directory, ...ports, ...join, ...open],
      ...(this.network === null ? {} : { within: this.network.commandOf(index) }),
      ...(this.#recorder === null ? {} : { env: recorderEnvironment(this.#recorder, place) }),
    });
  }

  /** For whoever has to find out why. */
  #logsOfEnded(): string {
    return this.places
      .filter(({ process }) => !process.isRunning || process.ready === null)
      .map(({ name, process }) => {
        const state = process.isRunning ? "never became ready" : `ended with ${process.exitCode}`;
        return `${name} ${state}:\n${process.log.slice(-12).join("\n")}`;
      })
      .join("\n");
  }
}

export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
