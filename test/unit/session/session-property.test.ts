import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Session } from "../../../src/session/session.ts";
import {
  ack,
  at,
  LIMITS,
  messageTo,
  publishPacket,
  type RecordedEffects,
  reconnect,
} from "../../support/recorded-session.ts";

/** A client that follows section 4.3 to the letter and remembers what it was given. */
class ReceivingClient {
  readonly topics: string[] = [];
  readonly firstSends: string[] = [];
  readonly session = new Session("c1", LIMITS);
  #effects: RecordedEffects;
  #window: number;
  /** Unacknowledged PUBLISHes of this connection. */
  #open = new Map<number, string>();
  /** QoS 2 identifiers between PUBREC and PUBREL. */
  readonly #received = new Set<number>();
  #toAnswer: { cmd: "puback" | "pubrec" | "pubcomp"; packetId: number }[] = [];
  #publishesSeen = 0;
  #packetsSeen = 0;

  constructor(window: number) {
    this.#window = window;
    this.#effects = reconnect(this.session, 5, { receiveMaximum: window });
  }

  deliver(topic: string, qos: 1 | 2): void {
    this.session.deliver(messageTo(topic, qos), at(qos), 0);
    this.#look();
  }

  /** Answers the oldest packet, or with `isLast` the newest. */
  answer(isLast: boolean): void {
    const next = isLast ? this.#toAnswer.pop() : this.#toAnswer.shift();
    if (next === undefined) return;
    if (next.cmd === "pubrec") this.#receive(next.packetId);
    else this.#open.delete(next.packetId);
    this.session.receive(ack(next.cmd, next.packetId), 0);
    this.#look();
  }

  /** The connection breaks with answers unsent. */
  reconnect(window: number): void {
    this.session.detach(0);
    this.#window = window;
    this.#open = new Map();
    this.#toAnswer = [];
    this.#publishesSeen = 0;
    this.#packetsSeen = 0;
    this.#effects = reconnect(this.session, 5, { receiveMaximum: window });
    this.#look();
  }

  settleAll(): void {
    while (this.#toAnswer.length > 0) this.answer(false);
  }

  #receive(packetId: number): void {
    if (this.#received.has(packetId)) return;
    this.#received.add(packetId);
    this.topics.push(this.#open.get(packetId)!);
  }

  #look(): void {
    expect(this.#effects.closedWith).toBe(null);
    for (const publish of this.#effects.publishes.slice(this.#publishesSeen)) {
      const { packetId, qos, dup } = publish;
      const { topic } = publish.message;
      expect(packetId).toBeGreaterThan(0);
      expect(this.#open.has(packetId)).toBe(false);
      if (!dup) this.firstSends.push(topic);
      this.#open.set(packetId, topic);
      if (qos === 1) this.topics.push(topic);
      this.#toAnswer.push({ cmd: qos === 1 ? "puback" : "pubrec", packetId });
    }
    for (const packet of this.#effects.packets.slice(this.#packetsSeen)) {
      if (packet.cmd !== "pubrel") continue;
      this.#received.delete(packet.messageId);
      this.#toAnswer.push({ cmd: "pubcomp", packetId: packet.messageId });
    }
    this.#publishesSeen = this.#effects.publishes.length;
    this.#packetsSeen = this.#effects.packets.length;
    // [MQTT-3.3.4-9]
    expect(this.#open.size).toBeLessThanOrEqual(this.#window);
  }
}

const windows = fc.integer({ min: 1, max: 5 });
const sending = fc.oneof(
  fc.record({ act: fc.constant("deliver" as const), qos: fc.constantFrom(1 as const, 2 as const) }),
  fc.record({ act: fc.constant("answer" as const), isLast: fc.boolean() }),
  fc.record({ act: fc.constant("reconnect" as const), window: windows }),
);

describe("towards a client", () => {
  it("nothing is lost, QoS 2 comes once, order and window hold through any reconnects", () => {
    fc.assert(
      fc.property(windows, fc.array(sending, { maxLength: 60 }), (window, steps) => {
        const client = new ReceivingClient(window);
        const sent: { topic: string; qos: 1 | 2 }[] = [];
        for (const step of steps) {
          if (step.act === "deliver") {
            const topic = `t${sent.length}`;
            sent.push({ topic, qos: step.qos });
            client.deliver(topic, step.qos);
          } else if (step.act === "answer") client.answer(step.isLast);
          else client.reconnect(step.window);
        }
        client.settleAll();
        expect(client.session).toMatchObject({ inflightCount: 0, queuedCount: 0, droppedCount: 0 });
        expect(client.firstSends).toEqual(sent.map(({ topic }) => topic));
        for (const { topic, qos } of sent) {
          const times = client.topics.filter((received) => received === topic).length;
          if (qos === 1) expect(times).toBeGreaterThanOrEqual(1);
          else expect(times).toBe(1);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

const receiving = fc.oneof(
  fc.record({ act: fc.constant("publish" as const), qos: fc.constantFrom(1 as const, 2 as const) }),
  fc.record({ act: fc.constant("settle" as const), which: fc.nat() }),
  fc.record({ act: fc.constant("reconnect" as const) }),
);

describe("from a client", () => {
  it("QoS 2 is published once, acknowledgements keep the order, through any reconnects", () => {
    fc.assert(
      fc.property(fc.array(receiving, { maxLength: 60 }), (steps) => {
        const session = new Session("c1", LIMITS);
        let effects = reconnect(session, 4);
        const published: string[] = [];
        const tokens: number[] = [];
        /** QoS 2 without PUBREC so far, in order: what the client repeats. */
        const unreceived = new Map<number, string>();
        let order: number[] = [];
        let lastId = 0;
        const look = (): void => {
          for (const { message, token } of effects.published.splice(0)) {
            published.push(message.topic);
            tokens.push(token);
          }
          for (const packet of effects.packets.splice(0)) {
            if (packet.cmd !== "puback" && packet.cmd !== "pubrec") continue;
            // [MQTT-4.6.0-2] [MQTT-4.6.0-3]
            expect(packet.messageId).toBe(order.shift());
            if (packet.cmd === "pubrec") {
              unreceived.delete(packet.messageId);
              session.receive(ack("pubrel", packet.messageId), 0);
            }
          }
        };
        for (const step of steps) {
          if (step.act === "publish") {
            lastId += 1;
            order.push(lastId);
            if (step.qos === 2) unreceived.set(lastId, `t${lastId}`);
            session.receive(publishPacket(`t${lastId}`, step.qos, lastId), 0);
          } else if (step.act === "settle" && tokens.length > 0) {
            session.publishSettled(tokens.splice(step.which % tokens.length, 1)[0]!, 0);
          } else if (step.act === "reconnect") {
            session.detach(0);
            effects = reconnect(session, 4);
            order = [...unreceived.keys()];
            for (const [id, topic] of unreceived) {
              session.receive(publishPacket(topic, 2, id, { dup: true }), 0);
            }
          }
          look();
          expect(effects.closedWith).toBe(null);
        }
        for (const token of tokens) session.publishSettled(token, 0);
        look();
        expect(order).toEqual([]);
        expect(unreceived.size).toBe(0);
        expect(new Set(published).size).toBe(published.length);
        expect(published).toHaveLength(lastId);
        expect(session.receivedQos2).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
