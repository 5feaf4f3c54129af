import { systemClock } from "#cluster";
import { ClientAccess } from "./access/client-access.ts";
import { BrokerNode, type ReadyFacts } from "./broker-node.ts";
import type { LoadedConfig } from "./config/config.ts";
import type { NodePlace } from "./startup.ts";
import type { Logger } from "./telemetry/log.ts";

/** For a condemned node to hand over leadership and to close its disk, which its successor opens. */
const condemnedStopMs = 10_000;

/**
 * A broker node, and another in its place whenever the first is found to hold wrong content: same process, data directory and
 * ports, but nothing that the first had in memory (docs/decisions/0012-condemned-replicas.md).
 */
export class RevivingNode {
  readonly #loaded: LoadedConfig;
  readonly #log: Logger;
  readonly #onFatal: (error: Error) => void;
  /** Older than the nodes: a users file that is broken by then does not keep the next one from starting. */
  readonly #access: ClientAccess;
  #node: BrokerNode | null = null;
  #isStopping = false;

  constructor(loaded: LoadedConfig, log: Logger, onFatal: (error: Error) => void) {
    this.#loaded = loaded;
    this.#log = log;
    this.#onFatal = onFatal;
    this.#access = clientAccess(loaded, log);
  }

  /** Resolves when the node is ready for the first time; null when it was stopped on the way. */
  start(): Promise<ReadyFacts | null> {
    const first = Promise.withResolvers<ReadyFacts | null>();
    let isFirst = true;
    const onReady = (ready: ReadyFacts): void => {
      if (isFirst) first.resolve(ready);
      else this.#log.info({ node: ready.node, nodeId: ready.nodeId }, "this node is ready again");
      isFirst = false;
    };
    this.#run(onReady).then(
      () => first.resolve(null),
      (error: Error) => {
        if (isFirst) first.reject(error);
        else if (!this.#isStopping) this.#onFatal(error);
      },
    );
    return first.promise;
  }

  /** Reads again what may change while the process runs; false when there is no such thing. */
  reload(): Promise<boolean> {
    return this.#access.reload();
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    await this.#node?.stop(timeoutMs);
  }

  /** Ends when the node is stopped, else never. */
  async #run(onReady: (ready: ReadyFacts) => void): Promise<void> {
    let place: NodePlace | null = null;
    while (!this.#isStopping) {
      const condemned = Promise.withResolvers<"condemned">();
      const node = this.#create(place, () => condemned.resolve("condemned"));
      this.#node = node;
      const started = node.start();
      // Its end is what counts; a failure after the verdict is a part of it.
      started.catch(() => undefined);
      const outcome = await Promise.race([condemned.promise, started]);
      if (outcome === null) return;
      if (outcome !== "condemned") onReady(outcome);
      await condemned.promise;
      await Promise.allSettled([node.stop(condemnedStopMs), started]);
      place = node.place;
    }
  }

  #create(place: NodePlace | null, onCondemned: () => void): BrokerNode {
    return new BrokerNode({
      loaded: this.#loaded,
      log: this.#log,
      access: this.#access,
      place,
      onFatal: this.#onFatal,
      onCondemned,
    });
  }
}

export function clientAccess({ config }: LoadedConfig, log: Logger): ClientAccess {
  return new ClientAccess({
    usersFile: config.usersFile,
    isAnonymousAllowed: config.allowAnonymous,
    tls:
      config.tlsCert === null || config.tlsKey === null
        ? null
        : {
            ...{ certificate: config.tlsCert, key: config.tlsKey },
            ...{ ca: config.tlsCa, clientAuth: config.tlsClientAuth },
          },
    clock: systemClock,
    log,
  });
}
