import type { Cancel } from "#cluster";
import type { AuthPacket } from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { AuthenticationExchange } from "./access.ts";
import type { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import { authPacket, isContinuing } from "./enhanced-authentication.ts";
import type { SessionEntry } from "./session-entry.ts";

/**
 * A client proves again who it is while its connection goes on (MQTT 5, section 4.12.1). It stays the same user; when it cannot prove
 * that, or takes too long, the connection ends.
 */
export class Reauthentication {
  readonly #context: BrokerContext;
  readonly #entry: SessionEntry;
  readonly #connection: Connection;
  #exchange: AuthenticationExchange | null = null;
  #deadline: Cancel | null = null;

  constructor(context: BrokerContext, entry: SessionEntry, connection: Connection) {
    this.#context = context;
    this.#entry = entry;
    this.#connection = connection;
  }

  /** An AUTH with the method of the CONNECT. */
  received(packet: AuthPacket, method: string): void {
    if (packet.reasonCode === ReasonCode.reAuthenticate && this.#exchange === null) {
      if (this.#begin(method)) this.#step(packet, method);
    } else if (this.#exchange !== null && isContinuing(packet, method)) this.#step(packet, method);
    else this.#end(ReasonCode.protocolError, "an AUTH that has no place here");
  }

  /** The connection is gone. */
  stop(): void {
    this.#deadline?.();
    this.#deadline = null;
    this.#exchange = null;
  }

  #begin(method: string): boolean {
    const { authenticator, wheel, limits, counters } = this.#context;
    const { remoteAddress, isLoopback, certificateName = null } = this.#connection.channel;
    const { clientId } = this.#entry;
    const credentials = {
      ...{ clientId, username: null, password: null },
      ...{ remoteAddress, isLoopback, certificateName },
    };
    this.#exchange = authenticator.beginExchange?.(method, credentials) ?? null;
    if (this.#exchange === null) {
      this.#end(ReasonCode.notAuthorized, "this method is not offered any more");
      return false;
    }
    this.#deadline = wheel.after(limits.authenticationTimeoutMs, () => {
      counters.authenticationTimeouts++;
      this.#end(ReasonCode.notAuthorized, "the authentication took too long");
    });
    return true;
  }

  #step({ properties }: AuthPacket, method: string): void {
    const outcome = this.#exchange?.step(properties?.authenticationData ?? null);
    if (outcome === undefined) return;
    if (outcome.status === "continue") {
      this.#connection.send(authPacket(ReasonCode.continueAuthentication, method, outcome.data));
      return;
    }
    const { counters, log } = this.#context;
    const { clientId, identity } = this.#entry;
    if (outcome.status === "admitted" && outcome.username === identity.username) {
      this.stop();
      counters.reauthentications++;
      this.#connection.send(authPacket(ReasonCode.success, method, outcome.data));
      return;
    }
    const detail = outcome.status === "refused" ? outcome.refusal.detail : "another user";
    log.info({ clientId, detail }, "client could not authenticate again");
    counters.reauthenticationsFailed++;
    // [MQTT-4.12.1-2]
    this.#end(ReasonCode.notAuthorized, "the authentication failed");
  }

  #end(reasonCode: number, detail: string): void {
    this.stop();
    this.#entry.session.disconnect(reasonCode, detail);
  }
}
