import { createServer } from "node:net";
import type { LoadedConfig } from "./config/config.ts";
import { type PortRequest, portRequest } from "./config/listen-ports.ts";
import { UsageError } from "./config/usage-error.ts";

const portsTriedMax = 100;

/** Binds by way of `listen`; a default that is taken moves on. Answers the port. */
export async function bindNextFree(
  request: PortRequest,
  listen: (host: string, port: number) => Promise<number>,
): Promise<number> {
  const { host, port, isPortFixed, isShared, optionName } = request;
  const tries = isPortFixed || port === 0 ? 1 : portsTriedMax;
  for (let at = 0; at < tries && port + at <= 65_535; at++) {
    try {
      return await listen(host, port + at);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
      if (code === "ENOTSUP" && isShared) {
        throw new UsageError(
          "--reuse-port: this system does not let processes share a port (ENOTSUP); leave it out and give each node ports of its own",
          1,
        );
      }
      if (code !== "EADDRINUSE") {
        throw new UsageError(`${optionName}: cannot listen on ${host}:${port} (${code})`, 1);
      }
    }
  }
  const way = isShared
    ? " by what does not share it; start that with --reuse-port, too,"
    : "; stop what uses it";
  throw new UsageError(
    `${optionName}: port ${port} of ${host} is taken${way} or choose another`,
    1,
  );
}

/**
 * Tries the ports that were asked for by name, so that a taken one ends the start before it has made a secret, a data
 * directory or a cluster. Who takes one later still loses at the real bind.
 */
export async function checkFixedPorts(loaded: LoadedConfig): Promise<void> {
  const withTls = loaded.config.tlsCert === null ? [] : (["mqtts", "wss"] as const);
  for (const face of ["mqtt", "ws", "http", ...withTls] as const) {
    const request = portRequest(face, loaded, null);
    if (request.isPortFixed) {
      await bindNextFree(request, (host, port) => tryPort(host, port, request.isShared));
    }
  }
}

/** A client that happens to come to a shared port within the moment is reset, as at the end of any node there. */
function tryPort(host: string, port: number, isShared: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    const place = { host, port, exclusive: true, reusePort: isShared };
    server.listen(place, () => server.close(() => resolve(port)));
  });
}
