import type { CommandContext, StateWriter } from "#cluster";
import { type ApplicationMessage, createMessage, withVersion } from "../mqtt/message.ts";
import type { ShareStrategy } from "../routing/share-strategy.ts";
import type { ClientView } from "./client-view.ts";
import type { DeviceWrites } from "./device-writes.ts";
import type { AttributeUpdate, Command, Fence, RetainedResult } from "./replica-api.ts";
import type { RetainedView } from "./retained-view.ts";
import type { SessionView } from "./sessions/session-view.ts";
import type { StoredSession } from "./sessions/stored-session.ts";
import type { Versions } from "./versions.ts";

export interface MessageWritesPorts {
  readonly retained: RetainedView;
  readonly sessions: SessionView;
  readonly clients: ClientView;
  readonly deviceWrites: DeviceWrites;
  readonly versions: Versions;
  /** May the proposing node not write for this client any more? */
  readonly isFenced: (clientId: string, fence: Fence, context: CommandContext) => boolean;
  /** A Will that the log published. */
  readonly willPublished: (message: ApplicationMessage, context: CommandContext) => void;
}

const fenced: RetainedResult = { version: 0, isFenced: true };

/** What becomes of a message in the state: it is kept for its topic, for the sessions that are to have it, and as device state. */
export class MessageWrites {
  readonly #ports: MessageWritesPorts;
  readonly counts = {
    replica_retained_refused: 0,
    replica_writes_repeated: 0,
    replica_wills_published: 0,
    replica_session_messages_stored: 0,
    replica_session_messages_refused: 0,
  };

  constructor(ports: MessageWritesPorts) {
    this.#ports = ports;
  }

  message(
    command: Extract<Command, { type: "retain" | "publish" }>,
    context: CommandContext,
    writer: StateWriter,
  ): RetainedResult {
    const { retained, sessions, deviceWrites, isFenced } = this.#ports;
    const { fence = "none", message, updates, qos2PacketId, shareStrategy } = command;
    const { topic, publisherId } = message;
    if (isFenced(publisherId, fence, context)) return fenced;
    const own = qos2PacketId === undefined ? null : sessions.get(publisherId);
    if (own?.inboundQos2.has(qos2PacketId ?? 0)) {
      this.counts.replica_writes_repeated++;
      return { version: context.index, isRepeated: true };
    }
    const current = retained.versionOf(topic, context.timeMs);
    if (command.type === "retain") {
      const conflict = deviceWrites.conflict(command.expectedVersion, [current]);
      if (conflict !== null) return conflict;
    }
    const version = this.#versionFor(topic, updates);
    const versioned = withVersion(message, version);
    const record = command.type === "publish" ? null : retained.prepare(versioned, version);
    // Refused as a whole: its publisher is told so and sends it anew, with an identifier that nothing else may stand under.
    const isRefused = command.type === "retain" && record === null;
    this.counts.replica_retained_refused += isRefused ? 1 : 0;
    if (!isRefused) {
      if (!this.#store(versioned, context, writer, shareStrategy))
        return { version: 0, isFull: true };
      if (own !== null) sessions.receive(own, qos2PacketId ?? 0, writer);
      if (record !== null) retained.put(topic, record, writer);
    }
    if (updates.length > 0) deviceWrites.write(updates, publisherId, version, context, writer);
    return { version: isRefused ? 0 : version };
  }

  will(message: ApplicationMessage, context: CommandContext, writer: StateWriter): void {
    const { retained } = this.#ports;
    this.counts.replica_wills_published++;
    // Its expiry counts from the moment it is published.
    const { timeMs: receivedAtMs } = context;
    const version = this.#versionFor(message.topic, []);
    const published = createMessage({ ...message, receivedAtMs, version });
    this.#store(published, context, writer);
    if (message.retain) {
      const record = retained.prepare(published, version);
      if (record !== null) retained.put(message.topic, record, writer);
      this.counts.replica_retained_refused += record === null ? 1 : 0;
    }
    this.#ports.willPublished(published, context);
  }

  /** Above that of the topic's message, also of one that has expired, and of the attributes. */
  #versionFor(topic: string, updates: readonly AttributeUpdate[]): number {
    const { retained, deviceWrites, versions } = this.#ports;
    const known = retained.storedVersionOf(topic);
    return versions.next([known, ...deviceWrites.versionsOf(updates)]);
  }

  /** For the sessions that are to have it; false when there is no room for it. */
  #store(
    message: ApplicationMessage,
    context: CommandContext,
    writer: StateWriter,
    strategy: ShareStrategy = "round-robin",
  ): boolean {
    const { sessions, clients } = this.#ports;
    const isNear = ({ clientId }: StoredSession): boolean =>
      clients.ownerOf(clientId)?.nodeId === context.origin;
    const { stored, isFull } = sessions.store(message, { strategy, isNear }, context, writer);
    this.counts.replica_session_messages_stored += stored;
    this.counts.replica_session_messages_refused += isFull ? 1 : 0;
    return !isFull;
  }
}
