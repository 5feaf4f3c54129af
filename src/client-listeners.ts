import type { Cancel, Clock, Log } from "#cluster";
import type { ChannelAcceptor } from "./broker/channel.ts";
import { listenerLimits } from "./listeners/limits.ts";
import type { Listener, ListenOptions, TlsSettings } from "./listeners/listener.ts";

type Listen = (options: ListenOptions, acceptor: ChannelAcceptor, log: Log) => Promise<Listener>;

interface Door {
  readonly listen: Listen;
  /** With the port that it got. */
  options: ListenOptions;
  /** Null while it is closed to leave new clients to the other nodes at its port, and until it could be opened again. */
  listener: Listener | null;
  isFailureTold: boolean;
}

/** Where clients reach one node. Ports that it shares may be left to the others for a while. */
export class ClientListeners {
  readonly #acceptor: ChannelAcceptor;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #doors: Door[] = [];
  /** By name. */
  #left: ReadonlySet<string> = new Set();
  #disarm: Cancel | null = null;
  #isStopped = false;
  #settling: Promise<void> = Promise.resolve();

  constructor(acceptor: ChannelAcceptor, log: Log, clock: Clock) {
    this.#acceptor = acceptor;
    this.#log = log;
    this.#clock = clock;
  }

  /** None is closed, whether it was left or could not be opened again. */
  get areOpen(): boolean {
    return this.#doors.every(({ listener }) => listener !== null);
  }

  /** Names of the shared doors where clients get in now. The same name on the same machine is the same door. */
  openShared(): readonly string[] {
    const open = this.#doors.filter(({ options, listener }) => options.isShared && listener);
    return open.map(nameOf);
  }

  /** Answers the port. Throws as `listen`. */
  async open(listen: Listen, options: ListenOptions): Promise<number> {
    const listener = await listen(options, this.#acceptor, this.#log);
    const { port } = listener;
    const fixed = { ...options, port, isPortFixed: true };
    this.#doors.push({ listen, options: fixed, listener, isFailureTold: false });
    // A stop meanwhile has not seen it.
    if (this.#isStopped) await listener.stopAccepting();
    return port;
  }

  /**
   * New clients at shared doors of these names are left to the other nodes there; those that are here stay. At all other doors they come
   * here, too: one that cannot be opened again is tried until it can.
   */
  leave(names: ReadonlySet<string>): Promise<void> {
    this.#left = names;
    this.#settling = this.#settling.then(() => this.#settle());
    return this.#settling;
  }

  async stopAccepting(): Promise<void> {
    this.#isStopped = true;
    this.#disarm?.();
    await this.#settling;
    await Promise.all(this.#doors.map(({ listener }) => listener?.stopAccepting()));
  }

  /** Handshakes from now on use these. */
  renewTls(tls: TlsSettings): void {
    for (const door of this.#doors) {
      if (door.options.tls === undefined) continue;
      door.options = { ...door.options, tls };
      door.listener?.renewTls?.(tls);
    }
  }

  async #settle(): Promise<void> {
    this.#disarm?.();
    this.#disarm = null;
    for (const door of this.#doors) {
      if (door.options.isShared !== true || this.#isStopped) continue;
      const { listener } = door;
      const isLeft = this.#left.has(nameOf(door));
      if (!isLeft && listener === null) await this.#openAgain(door);
      if (isLeft && listener !== null) {
        door.listener = null;
        await listener.stopAccepting();
      }
    }
  }

  async #openAgain(door: Door): Promise<void> {
    const { host, port } = door.options;
    try {
      door.listener = await door.listen(door.options, this.#acceptor, this.#log);
      if (door.isFailureTold) this.#log.info({ host, port }, "a shared port is open again");
      door.isFailureTold = false;
    } catch (error) {
      if (!door.isFailureTold) this.#log.error({ error }, "a shared port cannot be opened again");
      door.isFailureTold = true;
      this.#tryLater();
    }
  }

  #tryLater(): void {
    if (this.#isStopped || this.#disarm !== null) return;
    this.#disarm = this.#clock.after(listenerLimits.reopenIntervalMs, () => {
      void this.leave(this.#left);
    });
  }
}

function nameOf({ options: { optionName, host, port } }: Door): string {
  return `${optionName} ${host}:${port}`;
}
