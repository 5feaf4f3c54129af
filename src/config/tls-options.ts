import { option, single } from "./option.ts";
import { parseChoice, parseListen, parseSwitch, parseText } from "./values.ts";

const parsePath = single(parseText(/^.{1,4096}$/s, "a path"));
const loopback = "127.0.0.1";

function pemFile(flag: string, env: string, help: string, reason: string) {
  return option<string | null>({
    ...{ flag, env, help, reason },
    argument: "FILE",
    type: "path",
    defaultValue: null,
    defaultText: "none",
    zero: null,
    parse: parsePath,
  });
}

/** TLS for clients. Without a certificate there is none, and nothing of this counts. */
export const tlsOptions = {
  mqtts: option({
    flag: "mqtts",
    env: "FLOCKMQ_MQTTS",
    argument: "[HOST:]PORT",
    type: "listen",
    defaultValue: { host: loopback, port: 8883 },
    defaultText: "127.0.0.1:8883",
    zero: "port 0: any free port",
    help: "where MQTT clients connect over TLS, with --tls-cert",
    reason: "8883 is the registered port.",
    parse: single(parseListen(loopback)),
  }),
  wss: option({
    flag: "wss",
    env: "FLOCKMQ_WSS",
    argument: "[HOST:]PORT",
    type: "listen",
    defaultValue: { host: loopback, port: 8084 },
    defaultText: "127.0.0.1:8084",
    zero: "port 0: any free port",
    help: "where MQTT clients connect over WebSocket and TLS, with --tls-cert",
    reason: "Pages that were loaded by HTTPS may connect to such ports only.",
    parse: single(parseListen(loopback)),
  }),
  tlsCert: pemFile(
    "tls-cert",
    "FLOCKMQ_TLS_CERT",
    "certificate of this node, PEM, with those between it and the root behind it",
    "Opens --mqtts and --wss. Read again when it changes and on SIGHUP; connections go on.",
  ),
  tlsKey: pemFile(
    "tls-key",
    "FLOCKMQ_TLS_KEY",
    "private key of --tls-cert, PEM",
    "In a file of its own, which nobody else should read.",
  ),
  tlsCa: pemFile(
    "tls-ca",
    "FLOCKMQ_TLS_CA",
    "certificates whose signature on a client's certificate counts, PEM",
    "An authority of your own; those of the system would let in whoever has any certificate.",
  ),
  tlsClientAuth: option<"off" | "request" | "require">({
    flag: "tls-client-auth",
    env: "FLOCKMQ_TLS_CLIENT_AUTH",
    argument: "MODE",
    type: "choice",
    defaultValue: "off",
    defaultText: "off",
    zero: null,
    help: "certificates of clients: off, request (those without one log in otherwise) or require; needs --tls-ca",
    reason:
      "The common name of a client's certificate is its user name, and no password is asked for.",
    parse: single(parseChoice(["off", "request", "require"])),
  }),
  httpTls: option<boolean>({
    flag: "http-tls",
    env: "FLOCKMQ_HTTP_TLS",
    argument: null,
    type: "switch",
    defaultValue: false,
    defaultText: "off",
    zero: null,
    help: "--http speaks HTTPS, with --tls-cert",
    reason: "Names and passwords of the HTTP API are not for everybody on the way.",
    bareText: "on",
    parse: single(parseSwitch),
  }),
};
