import { createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Log } from "#cluster";
import type { ChannelAcceptor } from "../broker/channel.ts";
import { bind } from "./bind.ts";
import type { Listener, ListenOptions } from "./listener.ts";
import { connect, connectPlain } from "./socket-channel.ts";
import { boundHandshakes, secureContext, tlsOptions } from "./tls.ts";

/** MQTT over TCP, or over TLS with `options.tls`. Throws BrokerError "port-taken" or "listen-failed". */
export async function listenTcp(
  options: ListenOptions,
  acceptor: ChannelAcceptor,
  log: Log,
): Promise<Listener> {
  const failed = (error: Error) => log.debug({ error }, "socket error");
  // Nagle's algorithm would hold back what was already collected for a turn.
  const socketOptions = { noDelay: true, allowHalfOpen: true };
  const tlsServer = options.tls
    ? createTlsServer({ ...socketOptions, ...tlsOptions(options.tls) }, (socket) =>
        connect(socket, acceptor, failed),
      )
    : null;
  const server: Server =
    tlsServer ??
    createServer({ ...socketOptions, pauseOnConnect: true }, (socket) =>
      connectPlain(socket, acceptor, failed),
    );
  if (tlsServer !== null) boundHandshakes(tlsServer, acceptor);
  const port = await bind(server, options);
  server.on("error", (error) => log.error({ error }, "the MQTT listener failed"));
  server.on("tlsClientError", (error: Error) => log.debug({ error }, "TLS handshake failed"));
  return {
    host: options.host,
    port,
    // Closing waits for connections that exist; they are the broker's to end.
    stopAccepting: async () => {
      server.close();
    },
    renewTls: (settings) => tlsServer?.setSecureContext(secureContext(settings)),
  };
}
