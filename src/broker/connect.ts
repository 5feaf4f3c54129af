import type { ConnectPacket } from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type {
  AuthenticationRefusal,
  AuthenticationResult,
  Credentials,
  Identity,
} from "./access.ts";
import type { ClaimDecision, Claims } from "./claims.ts";
import { type ConnectRequest, readConnect, withAuthentication } from "./connect-request.ts";
import type { Connection } from "./connection.ts";
import type { BrokerContext } from "./context.ts";
import { exchange } from "./enhanced-authentication.ts";
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
    const method = packet.properties?.authenticationMethod;
    if (method !== undefined) {
      this.#exchange(connection, request, method);
      return;
    }
    const username = await this.#authenticate(connection, request);
    if (username !== undefined) this.#admit(connection, request, username);
  }

  /** The client is who it says: is there room for it, and may its Will be said? */
  #admit(connection: Connection, request: ConnectRequest, username: string | null): void {
    const identity: Identity = { clientId: request.clientId, username };
    const { will } = request.packet;
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
    this.#claim(connection, request, identity);
  }

  /** The user name, or undefined after a refusal. */
  async #authenticate(
    connection: Connection,
    request: ConnectRequest,
  ): Promise<string | null | undefined> {
    const credentials = credentialsOf(connection, request);
    const result: AuthenticationResult =
      await this.#context.authenticator.authenticate(credentials);
    if (result.isAllowed) return result.username;
    this.#turnAway(connection, credentials, result);
    return undefined;
  }

  /** Enhanced authentication: a user name and a password of the CONNECT decide nothing. */
  #exchange(connection: Connection, request: ConnectRequest, method: string): void {
    const { authenticator, counters } = this.#context;
    const credentials = credentialsOf(connection, request);
    const steps = authenticator.beginExchange?.(method, credentials) ?? null;
    if (steps === null) {
      counters.connectsUnknownMethod++;
      this.#refuse(connection, ReasonCode.badAuthenticationMethod); // [MQTT-4.12.0-1]
      return;
    }
    const first = request.packet.properties?.authenticationData ?? null;
    exchange(connection, method, first, steps, (verdict) => {
      if (!verdict.isAllowed) {
        this.#turnAway(connection, credentials, verdict); // [MQTT-4.12.0-4]
        return;
      }
      const told = withAuthentication(request, method, verdict.data);
      if (typeof told === "number") this.#refuse(connection, told);
      else this.#admit(connection, told, verdict.username);
    });
  }

  #turnAway(
    connection: Connection,
    { clientId, username, remoteAddress }: Credentials,
    { reasonCode, reason, detail }: AuthenticationRefusal,
  ): void {
    const { counters, log } = this.#context;
    counters.connectsNotAuthorized++;
    counters.refused(reason);
    log.info({ clientId, username, remoteAddress, detail }, "client not let in");
    // In MQTT 3.1.1 code 4 is about what was said, and nothing was said.
    const isUnsaid = reason === "anonymous" && connection.version !== 5;
    this.#refuse(connection, isUnsaid ? ReasonCode.notAuthorized : reasonCode);
  }

  #claim(connection: Connection, request: ConnectRequest, identity: Identity): void {
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

function credentialsOf(connection: Connection, { packet, clientId }: ConnectRequest): Credentials {
  const { remoteAddress, isLoopback, certificateName = null } = connection.channel;
  const username = packet.username ?? null;
  const password = packet.password ?? null;
  return { clientId, username, password, remoteAddress, isLoopback, certificateName };
}
