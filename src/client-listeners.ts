import type { Log } from "#cluster";
import type { ChannelAcceptor } from "./broker/channel.ts";
import type { Listener, ListenOptions, TlsSettings } from "./listeners/listener.ts";

type Listen = (options: ListenOptions, acceptor: ChannelAcceptor, log: Log) => Promise<Listener>;

interface Door {
  readonly listen: Listen;
  /** With the port that it got. */
  options: ListenOptions;
  /** Null while it is closed to leave new clients to the other nodes at its port. */
  listener: Listener | null;
}

/** Where clients reach one node. Ports that it shares may be left to the others for a while. */
export class ClientListeners {
  readonly #acceptor: ChannelAcceptor;
  readonly #log: Log;
  readonly #doors: Door[] = [];
  #areSharedOpen = true;
  #isStopped = false;
  #settling: Promise<void> = Promise.resolve();

  constructor(acceptor: ChannelAcceptor, log: Log) {
    this.#acceptor = acceptor;
    this.#log = log;
  }

  /** Answers the port. Throws as `listen`. */
  async open(listen: Listen, options: ListenOptions): Promise<number> {
    const listener = await listen(options, this.#acceptor, this.#log);
    const { port } = listener;
    this.#doors.push({ listen, options: { ...options, port, isPortFixed: true }, listener });
    // A stop meanwhile has not seen it.
    if (this.#isStopped) await listener.stopAccepting();
    return port;
  }

  /** False: new clients at shared ports are left to the other nodes there; those that are here stay. True: they come here, too. */
  setSharedOpen(areOpen: boolean): Promise<void> {
    this.#areSharedOpen = areOpen;
    this.#settling = this.#settling.then(() => this.#settle());
    return this.#settling;
  }

  async stopAccepting(): Promise<void> {
    this.#isStopped = true;
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
    for (const door of this.#doors) {
      if (door.options.isShared !== true || this.#isStopped) continue;
      const { listener } = door;
      if (this.#areSharedOpen && listener === null) await this.#openAgain(door);
      if (!this.#areSharedOpen && listener !== null) {
        door.listener = null;
        await listener.stopAccepting();
      }
    }
  }

  async #openAgain(door: Door): Promise<void> {
    try {
      door.listener = await door.listen(door.options, this.#acceptor, this.#log);
    } catch (error) {
      this.#log.error({ error }, "a shared port cannot be opened again");
    }
  }
}
