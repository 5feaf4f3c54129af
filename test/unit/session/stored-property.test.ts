import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Session } from "../../../src/session/session.ts";
import {
  ack,
  LIMITS,
  messageTo,
  publishPacket,
  type RecordedEffects,
  reconnect,
} from "../../support/recorded-session.ts";

/** What the log keeps of one session, and what it has not heard of yet: a crash of the node loses that. */
class Log {
  readonly queue = new Map<number, { topic: string; qos: 1 | 2; isReceived: boolean }>();
  readonly inboundQos2 = new Set<number>();
  session!: Session;
  effects!: RecordedEffects;
  #seq = 0;
  #unheard: string[] = [];

  /** A node takes the session: everything it knows is what the log knows. */
  begin(window: number): void {
    this.#unheard = [];
    const state = { subscriptions: [], inboundQos2: this.inboundQos2 };
    this.session = new Session("c1", LIMITS, state);
    for (const [seq, entry] of this.queue) this.#give(seq, entry, true);
    this.effects = reconnect(this.session, 5, { receiveMaximum: window });
    this.listen();
  }

  store(topic: string, qos: 1 | 2): void {
    const entry = { topic, qos, isReceived: false };
    this.queue.set(++this.#seq, entry);
    this.#give(this.#seq, entry, false);
  }

  listen(): void {
    const said = /^(completed|received|release) /;
    this.#unheard.push(...this.effects.take().filter((line) => said.test(line)));
  }

  /** What the node said so far is committed, and the node hears so. */
  commit(): void {
    this.listen();
    for (const line of this.#unheard.splice(0)) {
      const number = Number(line.slice(line.indexOf("=") + 1));
      if (line.startsWith("completed")) {
        this.queue.delete(number);
        this.session.storedCompleted(number, 0);
      } else if (line.startsWith("received")) {
        const entry = this.queue.get(number);
        if (entry !== undefined) entry.isReceived = true;
        this.session.storedReceived(number);
      } else {
        this.inboundQos2.delete(number);
        this.session.released(number);
      }
    }
  }

  #give(
    seq: number,
    { topic, qos, isReceived }: { topic: string; qos: 1 | 2; isReceived: boolean },
    isRepeated: boolean,
  ): void {
    const message = messageTo(topic, qos);
    const delivery = { seq, message, qos, retain: false, identifiers: [], isRepeated, isReceived };
    this.session.deliverStored(delivery, 0);
  }
}

/** A client that follows section 4.3 to the letter; it keeps its own state through every reconnection. */
class Client {
  readonly topics: string[] = [];
  /** QoS 2 identifiers between PUBREC and PUBREL. */
  readonly received = new Set<number>();
  #toAnswer: (() => void)[] = [];
  #publishesSeen = 0;
  #packetsSeen = 0;
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  connect(window: number): void {
    this.#log.begin(window);
    this.#toAnswer = [];
    this.#publishesSeen = 0;
    this.#packetsSeen = 0;
    this.look();
  }

  answer(): void {
    this.#toAnswer.shift()?.();
    this.look();
  }

  get hasWork(): boolean {
    return this.#toAnswer.length > 0;
  }

  look(): void {
    const { session, effects } = this.#log;
    expect(effects.closedWith).toBe(null);
    for (const { packetId, qos, message } of effects.publishes.slice(this.#publishesSeen)) {
      this.#toAnswer.push(() => {
        if (qos === 1) {
          this.topics.push(message.topic);
          session.receive(ack("puback", packetId), 0);
          return;
        }
        if (!this.received.has(packetId)) this.topics.push(message.topic);
        this.received.add(packetId);
        session.receive(ack("pubrec", packetId), 0);
      });
    }
    this.#publishesSeen = effects.publishes.length;
    for (const packet of effects.packets.slice(this.#packetsSeen)) {
      if (packet.cmd !== "pubrel") continue;
      this.#toAnswer.push(() => {
        this.received.delete(packet.messageId);
        session.receive(ack("pubcomp", packet.messageId), 0);
      });
    }
    this.#packetsSeen = effects.packets.length;
  }
}

const windows = fc.integer({ min: 1, max: 5 });
const step = fc.oneof(
  fc.record({ act: fc.constant("store" as const), qos: fc.constantFrom(1 as const, 2 as const) }),
  { weight: 3, arbitrary: fc.record({ act: fc.constant("answer" as const) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("commit" as const) }) },
  fc.record({ act: fc.constant("crash" as const), window: windows }),
);

describe("a stored session", () => {
  it("loses nothing, gives QoS 2 once and keeps the order, whichever node dies with whatever the log had not heard", () => {
    fc.assert(
      fc.property(windows, fc.array(step, { maxLength: 80 }), (window, steps) => {
        const log = new Log();
        const client = new Client(log);
        client.connect(window);
        const stored: { topic: string; qos: 1 | 2 }[] = [];
        for (const one of steps) {
          if (one.act === "store") {
            stored.push({ topic: `t${stored.length}`, qos: one.qos });
            log.store(`t${stored.length - 1}`, one.qos);
          } else if (one.act === "answer") client.answer();
          else if (one.act === "commit") log.commit();
          else client.connect(one.window);
          client.look();
        }
        for (let rounds = 0; client.hasWork || rounds < 3; rounds++) {
          client.answer();
          log.commit();
          client.look();
        }
        expect(log.queue.size).toBe(0);
        expect(client.received.size).toBe(0);
        expect([...new Set(client.topics)]).toEqual(stored.map(({ topic }) => topic));
        for (const { topic, qos } of stored) {
          const times = client.topics.filter((received) => received === topic).length;
          if (qos === 2) expect(times).toBe(1);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("publishes QoS 2 of its client once, though its node dies at any moment", () => {
    const log = new Log();
    log.begin(10);
    log.session.receive(publishPacket("t", 2, 7), 0);
    expect(log.effects.take()).toEqual(["accept t token=1"]);
    expect(log.effects.published[0]).toMatchObject({ token: 1, packetId: 7 });
    // The log has it; the node dies before it could say PUBREC.
    log.inboundQos2.add(7);
    log.begin(10);
    log.session.receive(publishPacket("t", 2, 7, { dup: true }), 0);
    expect(log.effects.take()).toEqual(["send pubrec id=7 0x00"]);
    log.session.receive(ack("pubrel", 7), 0);
    log.session.receive(ack("pubrel", 7), 0);
    expect(log.effects.take()).toEqual(["release id=7"]);
    // And again, before it could say PUBCOMP.
    log.begin(10);
    log.session.receive(ack("pubrel", 7), 0);
    log.commit();
    expect(log.effects.take()).toEqual(["send pubcomp id=7 0x00"]);
    log.session.receive(publishPacket("another", 2, 7), 0);
    expect(log.effects.take()).toEqual(["accept another token=1"]);
  });

  it("gives a message the same packet identifier on every node, and others none of those", () => {
    const log = new Log();
    log.begin(10);
    log.store("a", 1);
    log.store("b", 2);
    log.session.deliver(messageTo("own", 1), { qos: 1, retain: true, identifiers: [] }, 0);
    const ids = () => log.effects.publishes.map(({ packetId, dup }) => [packetId, dup]);
    expect(ids()).toEqual([
      [1, false],
      [2, false],
      [32_768, false],
    ]);
    log.begin(10);
    expect(ids()).toEqual([
      [1, true],
      [2, true],
    ]);
  });

  it("gives no message the packet identifier of one whose end the log does not know yet", () => {
    const log = new Log();
    log.begin(10);
    log.store("first", 2);
    log.session.receive(ack("pubrec", 1), 0);
    log.commit();
    log.session.receive(ack("pubcomp", 1), 0);
    for (let seq = 2; seq <= 32_767; seq++) {
      log.store("next", 1);
      log.session.receive(ack("puback", seq), 0);
    }
    log.store("again", 2);
    expect(log.effects.publishes.at(-1)?.message.topic).toBe("next");
    log.commit();
    expect(log.effects.publishes.at(-1)).toMatchObject({ packetId: 1, dup: false });
    expect(log.effects.publishes.at(-1)?.message.topic).toBe("again");
  });
});
