import type { Server, Socket } from "node:net";
import { TLSSocket, type TlsOptions } from "node:tls";
import type { ChannelAcceptor } from "../broker/channel.ts";
import type { TlsSettings } from "./listener.ts";

/** As long as a socket may be silent before its CONNECT. */
const handshakeTimeoutMs = 10_000;

/** What a server of `node:tls` or `node:https` is made with. */
export function tlsOptions(settings: TlsSettings): TlsOptions {
  const clientAuth = settings.clientAuth ?? "off";
  return {
    ...secureContext(settings),
    requestCert: clientAuth !== "off",
    rejectUnauthorized: clientAuth === "require",
    handshakeTimeout: handshakeTimeoutMs,
  };
}

/** What may change while it listens. */
export function secureContext({ certificate, key, ca }: TlsSettings) {
  return {
    cert: certificate,
    key,
    ...(ca === undefined || ca === null ? {} : { ca }),
    minVersion: "TLSv1.2" as const,
  };
}

/** Lets only so many sockets be in the middle of their handshake, which costs more than any other first step. */
export function boundHandshakes(server: Server, acceptor: ChannelAcceptor): void {
  const waiting = new Map<string, () => void>();
  server.on("connection", (socket: Socket) => {
    if (!acceptor.tryUpgrade()) {
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    const ended = (): void => {
      if (waiting.get(name) === ended && waiting.delete(name)) acceptor.upgradeEnded();
    };
    waiting.set(name, ended);
    socket.once("close", ended);
  });
  server.on("secureConnection", (socket: TLSSocket) => waiting.get(nameOf(socket))?.());
}

/**
 * Who the client is by its certificate: the common name, or the fingerprint of one without. Null without a certificate, or with
 * one that no authority of ours signed.
 */
export function certificateName(socket: Socket): string | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null;
  const certificate = socket.getPeerCertificate();
  const name: unknown = certificate.subject?.CN;
  return typeof name === "string" && name !== "" ? name : (certificate.fingerprint256 ?? null);
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
