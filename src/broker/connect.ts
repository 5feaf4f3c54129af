import type { ConnectPacket } from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { AuthenticationResult } from "./access.ts";
import type { ClaimDecision, Claims } from "./claims.ts";
import { type ConnectRequest, readConnect } from "./connect-request.ts";
import type { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import type { LostClaims } from "./lost-claims.ts";
import type { SessionInstaller } from "./session-installer.ts";
import type { SessionRegistry } from "./session-registry.ts";
import { willOf } from "./wills.ts";

/**
 * CONNECT up to CONNACK: acceptable, authenticated, claimed in the log, installed. Whoever claims last has the client
 * identifier, in the order of the log.
 */
export class ConnectFlow {
  readonly #context: BrokerContext;
  readonly #registry: SessionRegistry;
  readonly #claims: Claims;
  readonly #installer: SessionInstaller;
  readonly #lost: LostClaims;

  constructor(
    context: BrokerContext,
    registry: SessionRegistry,
    claims: Claims,
    installer: SessionInstaller,
    lost: LostClaims,
  ) {
    this.#context = context;
    this.#registry = registry;
    this.#claims = claims;
    this.#installer = installer;
    this.#lost = lost;
  }

  async connect(connection: Connection, packet: ConnectPacket): Promise<void> {
    const request = readConnect(packet, this.#context.limits);
    if (typeof request === "number") {
      this.#refuse(connection, request);
      return;
    }
    const username = await this.#authenticate(connection, request);
    if (username === undefined) return;
    const identity = { clientId: request.clientId, username };
    const { will } = packet;
    if (will && !this.#context.authorizer.canPublish(identity, will.topic)) {
      this.#context.counters.connectsNotAuthorized++;
      this.#refuse(connection, ReasonCode.notAuthorized);
      return;
    }
    const isKnown = this.#registry.get(request.clientId) !== null;
    if (!isKnown && this.#registry.size >= this.#context.limits.sessionsMax) {
      this.#context.counters.sessionsRefused++;
      this.#refuse(connection, ReasonCode.quotaExceeded);
      return;
    }
    if (!connection.isOpen) return;
    this.#claim(connection, request, username);
  }

  /** The user name, or undefined after a refusal. */
  async #authenticate(
    connection: Connection,
    { packet, clientId }: ConnectRequest,
  ): Promise<string | null | undefined> {
    const { remoteAddress, isLoopback } = connection.channel;
    const username = packet.username ?? null;
    const password = packet.password ?? null;
    const credentials = { clientId, username, password, remoteAddress, isLoopback };
    const result: AuthenticationResult =
      await this.#context.authenticator.authenticate(credentials);
    if (result.isAllowed) return result.username;
    this.#context.counters.connectsNotAuthorized++;
    const { detail } = result;
    this.#context.log.info({ clientId, remoteAddress, detail }, "client not let in");
    this.#refuse(connection, result.reasonCode);
    return undefined;
  }

  #claim(connection: Connection, request: ConnectRequest, username: string | null): void {
    const identity = { clientId: request.clientId, username };
    let isRefused = false;
    this.#claims.claim({
      clientId: request.clientId,
      cleanStart: request.packet.clean,
      expirySeconds: request.expirySeconds,
      will: willOf(request.packet, request.clientId),
      isProvisionalAllowed: request.packet.clean && request.expirySeconds === 0,
      decided: (decision: ClaimDecision) => {
        if (decision.status === "refused") {
          isRefused = true;
          this.#refuse(connection, decision.reasonCode);
        } else this.#installer.install(connection, request, identity, decision);
      },
      appliedLate: (epoch) => this.#installer.claimApplied(connection, request.clientId, epoch),
      isStillWanted: () => !isRefused && connection.isOpen,
      lost: () => this.#lost.add(request.clientId, request.expirySeconds, this.#isBusy),
    });
  }

  readonly #isBusy = (clientId: string): boolean => {
    const isProvisional = this.#registry.get(clientId)?.epoch === 0;
    return isProvisional || this.#claims.isOpen(clientId) || this.#installer.isRunning(clientId);
  };

  #refuse(connection: Connection, reasonCode: number): void {
    this.#context.counters.connectsRefused++;
    connection.refuse(reasonCode);
  }
}
