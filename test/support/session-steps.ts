import fc from "fast-check";
import { createMessage } from "../../src/mqtt/message.ts";
import type { Replica } from "../../src/replica/replica.ts";
import type { Command } from "../../src/replica/replica-api.ts";
import {
  anyBounds,
  anyMessage,
  anyShareStrategy,
  anySubscription,
  anyWill,
} from "./replica-model.ts";

/** What clients with sessions do; `ofOwner` puts in what depends on the state by then: epoch, node and places. */
export function anySessionCommand(
  topic: fc.Arbitrary<string>,
  clientId: fc.Arbitrary<string>,
): fc.Arbitrary<Command> {
  const message = fc
    .tuple(anyMessage(topic), clientId, fc.constantFrom<(1 | 2)[]>(1, 2))
    .map(([other, publisherId, qos]) =>
      createMessage({ ...other, publisherId, qos, properties: null }),
    );
  const numbers = fc
    .uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 2 })
    .map((some) => some.sort((a, b) => a - b));
  const expirySeconds = fc.constantFrom(2, 1000, 1000, 0xffff_ffff);
  const current = { clientId, epoch: fc.constant(0) };
  const publish = { type: fc.constant("publish" as const), message, updates: fc.constant([]) };
  const retain = { ...publish, type: fc.constant("retain" as const) };
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record(
        {
          ...{ type: fc.constant("claim" as const), clientId, expirySeconds },
          cleanStart: fc.constantFrom(false, false, false, true),
          will: anyWill(topic),
          bounds: anyBounds,
        },
        { requiredKeys: ["type", "clientId", "expirySeconds", "cleanStart"] },
      ),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        ...{ type: fc.constant("subscribe" as const), ...current },
        subscriptions: fc.oneof(
          fc.array(anySubscription, { minLength: 1, maxLength: 3 }),
          // The same group for all, or its messages would rarely have another member to go to.
          anySubscription.map((other) => [{ ...other, filter: "$share/g/#", qos: 2 as const }]),
        ),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record(
        { ...publish, shareStrategy: anyShareStrategy },
        { requiredKeys: ["type", "message", "updates"] },
      ),
    },
    { weight: 1, arbitrary: fc.record(retain) },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant("settle" as const),
        settlements: fc
          .record({ ...current, completed: numbers, received: numbers, released: numbers })
          .map((settlement) => [settlement]),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        ...{ type: fc.constant("disconnect" as const), ...current, expirySeconds },
        ...{ isWillWanted: fc.boolean(), sentSeq: fc.nat(4) },
      }),
    },
  );
}

/** The command as the client's node would say it now, and that node; null for a client that is not connected. */
export function ofOwner(
  command: Command,
  replica: Replica,
): { readonly command: Command; readonly nodeId: string | null } {
  if (command.type === "settle") {
    const settlements = command.settlements.map((settlement) => {
      const { floor = 0, epoch = 0 } = replica.sessions.get(settlement.clientId) ?? {};
      const completed = settlement.completed.map((seq) => seq + floor);
      return { ...settlement, epoch, completed, received: completed.map((seq) => seq + 1) };
    });
    return { command: { ...command, settlements }, nodeId: null };
  }
  if (!("clientId" in command) || !("epoch" in command)) return { command, nodeId: null };
  const owner = replica.ownerOf(command.clientId);
  return { command: { ...command, epoch: owner?.epoch ?? 0 }, nodeId: owner?.nodeId ?? null };
}

/** What a random test came to see, so that it can say that it saw anything. */
export class Reached {
  #queued = 0;
  #gaps = 0;
  #received = 0;
  #shares = 0;
  #moved = 0;
  #copies = 0;

  look(replica: Replica, clientIds: readonly string[]): void {
    for (const clientId of clientIds) {
      const session = replica.sessions.get(clientId);
      if (session === null) continue;
      const { queue, nextSeq, floor, received, retainedCount } = session;
      this.#queued += queue.size > 1 ? 1 : 0;
      this.#gaps += queue.size < nextSeq - 1 - floor ? 1 : 0;
      this.#received += received.size > 0 ? 1 : 0;
      this.#copies += retainedCount > 0 ? 1 : 0;
      for (const { group, isPlaced } of queue.values()) {
        this.#shares += group === null ? 0 : 1;
        this.#moved += group !== null && isPlaced ? 1 : 0;
      }
    }
  }

  /** How often of each. */
  counts(): Readonly<Record<string, number>> {
    return {
      ...{ queued: this.#queued, gaps: this.#gaps, received: this.#received },
      ...{ shares: this.#shares, moved: this.#moved, copies: this.#copies },
    };
  }
}
