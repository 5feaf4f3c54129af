import type { ClientEventName } from "../api/client-ports.ts";
import type { ApplicationMessage } from "../mqtt/message.ts";
import type { AuthPacket, OutboundPacket, SubscriptionRequest } from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type {
  DropReason,
  OutboundPublish,
  SessionCore,
  SessionEffects,
} from "../session/session-api.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionUser } from "./connection-ports.ts";
import type { BrokerContext } from "./context.ts";
import type { PublishFlow } from "./publish.ts";
import { Reauthentication } from "./reauthentication.ts";
import type { SessionEntry } from "./session-entry.ts";
import type { SessionLifecycle } from "./session-lifecycle.ts";
import type { Settlements } from "./settlements.ts";
import type { SubscribeFlow } from "./subscribe.ts";

/** The flows that a session's wishes go to. */
export interface AttachmentFlows {
  readonly context: BrokerContext;
  readonly publishes: PublishFlow;
  readonly subscriptions: SubscribeFlow;
  readonly lifecycle: SessionLifecycle;
  readonly settlements: Settlements;
}

/** One session on one connection, from CONNACK to the end: what the session asks goes to the socket or the broker. */
export class Attachment implements SessionEffects, ConnectionUser {
  readonly #entry: SessionEntry;
  readonly #connection: Connection;
  readonly #flows: AttachmentFlows;
  #reauthentication: Reauthentication | null = null;

  constructor(entry: SessionEntry, connection: Connection, flows: AttachmentFlows) {
    this.#entry = entry;
    this.#connection = connection;
    this.#flows = flows;
  }

  get session(): SessionCore {
    return this.#entry.session;
  }

  get #isCurrent(): boolean {
    return this.#entry.connection === this.#connection;
  }

  send(packet: OutboundPacket): void {
    this.#connection.send(packet);
  }

  sendPublish(publish: OutboundPublish): void {
    this.#connection.sendPublish(publish);
  }

  isCongested(): boolean {
    return this.#connection.isCongested();
  }

  publish(message: ApplicationMessage, token: number, packetId: number): void {
    this.#flows.publishes.publish(this.#entry, message, token, packetId);
  }

  subscribe(token: number, requests: readonly SubscriptionRequest[], identifier: number): void {
    const answer = (reasonCodes: readonly number[]) => {
      if (!this.#isCurrent) return;
      this.#tell(
        "subscribed",
        list(requests, (request) => request.topic),
      );
      this.session.subscribed(token, reasonCodes);
    };
    this.#flows.subscriptions
      .subscribe(this.#entry, requests, identifier, answer)
      .catch((error: unknown) => {
        const { counters, log } = this.#flows.context;
        counters.internalErrors++;
        log.error({ error, clientId: this.#entry.clientId }, "a SUBSCRIBE failed");
        if (!this.#isCurrent) return;
        this.session.disconnect(ReasonCode.unspecifiedError, "the subscription failed");
      });
  }

  unsubscribe(token: number, filters: readonly string[]): void {
    this.#flows.subscriptions.unsubscribe(this.#entry, filters, (reasonCodes) => {
      if (!this.#isCurrent) return;
      this.#tell(
        "unsubscribed",
        list(filters, (filter) => filter),
      );
      this.session.unsubscribed(token, reasonCodes);
    });
  }

  storedCompleted(seq: number): void {
    this.#flows.settlements.completed(this.#entry, seq);
  }

  storedReceived(seq: number): void {
    this.#flows.settlements.received(this.#entry, seq);
  }

  release(packetId: number): void {
    this.#flows.settlements.released(this.#entry, packetId);
  }

  authenticate(packet: AuthPacket, method: string): void {
    const { context } = this.#flows;
    this.#reauthentication ??= new Reauthentication(context, this.#entry, this.#connection);
    this.#reauthentication.received(packet, method);
  }

  close(reasonCode: number, detail: string): void {
    this.#reauthentication?.stop();
    if (reasonCode !== ReasonCode.normalDisconnection) {
      const { clientId } = this.#entry;
      this.#flows.context.log.debug({ clientId, reasonCode, detail }, "client disconnected");
    }
    this.#tellEnd(reasonCode, detail);
    this.#connection.close();
    this.#flows.lifecycle.connectionEnded(this.#entry, this.#connection);
  }

  dropped(_message: ApplicationMessage, reason: DropReason): void {
    this.#flows.context.counters.dropped(reason);
  }

  roomMayHaveGrown(): void {
    this.#entry.pumpHolds();
  }

  connectionLost(): void {
    if (this.#isCurrent) this.#tell("disconnected", "without a word: the connection was lost");
    this.#reauthentication?.stop();
    this.#flows.lifecycle.connectionEnded(this.#entry, this.#connection);
  }

  #tellEnd(reasonCode: number, detail: string): void {
    if (!this.#isCurrent) return;
    const isTakenOver = reasonCode === ReasonCode.sessionTakenOver;
    const isGoodbye = reasonCode === ReasonCode.normalDisconnection;
    const code = `0x${reasonCode.toString(16).padStart(2, "0")}`;
    const said = isGoodbye ? "the client said goodbye" : `${code} ${detail}`;
    this.#tell(isTakenOver ? "taken-over" : "disconnected", said);
  }

  #tell(event: ClientEventName, detail: string): void {
    this.#flows.context.history.add(this.#entry.clientId, event, detail);
  }
}

/** Of a packet with thousands of filters the first few will do. */
function list<T>(items: readonly T[], name: (item: T) => string): string {
  const shown = items.slice(0, 5).map(name).join(" ");
  return items.length > 5 ? `${shown} and ${items.length - 5} more` : shown;
}
