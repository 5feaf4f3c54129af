import type { Server } from "node:net";
import { BrokerError } from "../broker/errors.ts";
import type { ListenOptions } from "./listener.ts";

/** How far from the wanted port a free one is looked for. */
const portsTriedMax = 100;
const backlog = 4096;

/** Binds, moving to the next free port where the operator left it open. Answers the port. */
export async function bind(server: Server, options: ListenOptions): Promise<number> {
  const { host, port, isPortFixed, isShared = false, optionName } = options;
  const tries = isPortFixed || port === 0 ? 1 : portsTriedMax;
  for (let at = 0; at < tries && port + at <= 65_535; at++) {
    const failure = await listen(server, { host, port: port + at, reusePort: isShared });
    if (failure === null) return boundPort(server, port + at);
    if (failure.code !== "EADDRINUSE") {
      throw new BrokerError(
        "listen-failed",
        `${optionName}: cannot listen on ${host}:${port}: ${failure.message}`,
        { optionName, host, port },
        failure,
      );
    }
  }
  throw new BrokerError(
    "port-taken",
    `${optionName}: port ${port} of ${host} is taken; stop what uses it or choose another`,
    { optionName, host, port },
  );
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
}

function listen(server: Server, place: Place): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => {
      server.removeListener("listening", listening);
      resolve(error);
    };
    const listening = () => {
      server.removeListener("error", failed);
      resolve(null);
    };
    server.once("error", failed);
    server.once("listening", listening);
    server.listen({ ...place, backlog });
  });
}

function boundPort(server: Server, fallback: number): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : fallback;
}
