import type { Counters, Log } from "../ports.ts";
import type { TransportHandlers } from "./transport.ts";

/** An exception of a handler must not surface inside libp2p, where it would end the process: it is logged and counted. */
export function guardHandlers(
  handlers: TransportHandlers,
  counters: Counters,
  log: Log,
): TransportHandlers {
  const guard = <A extends unknown[]>(handler: string, call: (...args: A) => void) => {
    return (...args: A): void => {
      try {
        call(...args);
      } catch (error) {
        counters.add("transport_handler_errors");
        log.error({ err: error, handler }, "a transport handler failed");
      }
    };
  };
  return {
    onFrame: guard("onFrame", handlers.onFrame),
    onLink: guard("onLink", handlers.onLink),
    onBroadcast: guard("onBroadcast", handlers.onBroadcast),
    onDiscovered: guard("onDiscovered", handlers.onDiscovered),
    // Their rejections travel back to the peer.
    onRequest: handlers.onRequest,
    onBulk: handlers.onBulk,
  };
}
