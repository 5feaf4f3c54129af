import type { NodeId } from "#cluster";
import type { AttributeState, DeviceQueries } from "../api/ports.ts";
import type { ApplicationMessage } from "../mqtt/message.ts";

/** One attribute of one device, as the publishing node read it out of a message. Deterministic input for the state. */
export interface AttributeUpdate {
  readonly device: string;
  readonly attribute: string;
  readonly value: unknown;
}

/**
 * Who may still write when the command is applied: anybody ("none": the broker's own messages), the node if it owns the
 * publisher's client identifier ("owner": its claim has no epoch yet), or only this very claim (its epoch). A message that a
 * hung node still holds must not come after what the same client has written elsewhere since.
 */
export type Fence = "none" | "owner" | number;

/** What the log carries. Encoded by `encodeCommand`, decoded inside `Replica.apply` (commands.ts). */
export type Command =
  /** Keeps (or, with an empty payload, clears) the retained message of its topic. */
  | {
      readonly type: "retain";
      readonly message: ApplicationMessage;
      /** Of `message.publisherId`; "none" when left out. */
      readonly fence?: Fence;
      readonly updates: readonly AttributeUpdate[];
      /** Compare and set: nothing is written unless the topic's retained message has this version; 0 = there is none. */
      readonly expectedVersion?: number;
    }
  /** Device state without a retained message. */
  | {
      readonly type: "state";
      readonly source: string;
      /** Of `source`; "none" when left out. */
      readonly fence?: Fence;
      readonly updates: readonly AttributeUpdate[];
      /** Compare and set: nothing is written unless every attribute named has this version; 0 = there is none. */
      readonly expectedVersion?: number;
      /** Objects take the place of what was there instead of merging into it. */
      readonly isReplacing?: true;
    }
  /** A client connected: the node claims its identifier. Result: {@link ClaimResult}. */
  | {
      readonly type: "claim";
      readonly clientId: string;
      readonly cleanStart: boolean;
      readonly expirySeconds: number;
    }
  /** The session ended on this node; ignored unless `epoch` is the current one. */
  | { readonly type: "release"; readonly clientId: string; readonly epoch: number };

export interface ClaimResult {
  /** Grows with every claim of this client identifier; fences all older owners. */
  readonly epoch: number;
  readonly previous: { readonly nodeId: NodeId; readonly epoch: number } | null;
}

export interface RetainedResult {
  readonly version: number;
  /** Nothing was written: the client has been claimed elsewhere, or its claim is gone. */
  readonly isFenced?: true;
  /** Nothing was written: this is the version, not the expected one. */
  readonly currentVersion?: number;
}

export interface ClientOwner {
  readonly nodeId: NodeId;
  readonly epoch: number;
}

/** What the rest of the broker reads from the replicated state, and hears of. Implemented by `Replica` (replica.ts). */
export interface ReplicaQueries {
  readonly retainedCount: number;
  readonly retainedSizeBytes: number;
  readonly devices: DeviceQueries;
  /** Calls back for each retained message that matches; order unspecified. Expired ones are skipped. */
  matchRetained(filter: string, nowMs: number, visit: (message: ApplicationMessage) => void): void;
  getRetained(topic: string): ApplicationMessage | null;
  ownerOf(clientId: string): ClientOwner | null;
  readonly ownedClients: number;
  /** After a claim was applied that took the identifier from an owner (on every node); see `OwnerChange`. */
  onOwnerChanged(
    handler: (
      clientId: string,
      owner: ClientOwner,
      previous: ClientOwner,
      isCleanStart: boolean,
    ) => void,
  ): void;
}

export type { AttributeState };
