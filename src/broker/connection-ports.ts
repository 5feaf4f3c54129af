import type { Clock, Log } from "#cluster";
import type { Cursor } from "../mqtt/cursor.ts";
import type { ConnectPacket } from "../mqtt/packets.ts";
import type { SessionCore } from "../session/session-api.ts";
import type { BusyClients } from "./busy-clients.ts";
import type { Connection } from "./connection.ts";
import type { BrokerCounters } from "./counters.ts";
import type { DeadlineWheel } from "./deadline-wheel.ts";
import type { FlushList } from "./flush-list.ts";
import type { BrokerLimits } from "./limits.ts";
import type { ReadingTurns } from "./reading-turns.ts";
import type { TurnSpacing } from "./turn-spacing.ts";

/** The same for all connections. */
export interface ConnectionShared {
  readonly clock: Clock;
  readonly log: Log;
  readonly wheel: DeadlineWheel;
  readonly flushList: FlushList;
  readonly readingTurns: ReadingTurns;
  readonly turnSpacing: TurnSpacing;
  readonly busyClients: BusyClients;
  readonly limits: BrokerLimits;
  readonly counters: BrokerCounters;
  readonly cursor: Cursor;
}

/** What a connection tells the broker. */
export interface ConnectionOwner {
  connectReceived(connection: Connection, packet: ConnectPacket): void;
  /** Exactly once, when the channel is gone. */
  connectionClosed(connection: Connection): void;
}

/** Who stands behind a connection after CONNACK. */
export interface ConnectionUser {
  readonly session: SessionCore;
  /** Something arrived or left: what waits for room may go on. */
  roomMayHaveGrown(): void;
  /** The socket is gone without a word from the session. */
  connectionLost(): void;
}
