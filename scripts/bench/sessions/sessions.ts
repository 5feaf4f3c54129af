import type { IPublishPacket } from "mqtt-packet";
import { filtersOf, messagesFor, type Plan, topicOf } from "./plan.ts";
import { SessionClient } from "./session-client.ts";

/** Clients that connect, subscribe or read at the same time. */
const clientsAtOnce = 64;
const publishers = 16;
const windowPerPublisher = 16;

/** Each subscribes and goes away. Resolves with the seconds it took. */
export async function beginSessions(ports: readonly number[], plan: Plan): Promise<number> {
  return inTurn(plan.sessions, clientsAtOnce, async (session) => {
    const port = portFor(session, ports);
    const { client } = await SessionClient.open(port, clientIdOf(session), () => undefined);
    await client.subscribe(filtersOf(session, plan));
    await client.close();
  });
}

/** Resolves with the seconds it took until all were acknowledged. */
export async function publishAll(
  ports: readonly number[],
  plan: Plan,
  bodyOf: (message: number) => Buffer,
): Promise<number> {
  const opened = await Promise.all(
    Array.from({ length: publishers }, (_, i) =>
      SessionClient.open(portFor(i, ports), `publisher-${i}`, () => undefined),
    ),
  );
  const seconds = await inTurn(plan.messages, publishers * windowPerPublisher, async (message) => {
    const { client } = opened[message % publishers] as (typeof opened)[number];
    await client.publish(topicOf(message, plan), bodyOf(message));
  });
  await Promise.all(opened.map(({ client }) => client.close()));
  return seconds;
}

export interface Reading {
  readonly seconds: number;
  readonly sessionsLost: number;
  readonly missing: number;
  readonly repeated: number;
  /** Messages of others, or of the right ones with another body. */
  readonly wrong: number;
}

/** All come back and stay until they have what they wait for, or the time of one of them is up. */
export async function readAll(
  ports: readonly number[],
  plan: Plan,
  bodyOf: (message: number) => Buffer,
  timeoutMs: number,
): Promise<Reading> {
  const sums = { sessionsLost: 0, missing: 0, repeated: 0, wrong: 0 };
  const seconds = await inTurn(plan.sessions, clientsAtOnce, async (session) => {
    const inbox = new Inbox(session, plan, bodyOf);
    const { client, isSessionPresent } = await SessionClient.open(
      portFor(session, ports),
      clientIdOf(session),
      (packet) => inbox.receive(packet),
    );
    await inbox.whenComplete(timeoutMs);
    await client.close();
    sums.sessionsLost += isSessionPresent ? 0 : 1;
    sums.missing += inbox.missing;
    sums.repeated += inbox.repeated;
    sums.wrong += inbox.wrong;
  });
  return { seconds, ...sums };
}

/** What one session gets, compared with what it should. */
class Inbox {
  readonly #expected: Set<number>;
  readonly #topics: Map<string, number>;
  readonly #bodyOf: (message: number) => Buffer;
  readonly #complete: PromiseWithResolvers<void> = Promise.withResolvers();
  repeated = 0;
  wrong = 0;

  constructor(session: number, plan: Plan, bodyOf: (message: number) => Buffer) {
    const messages = messagesFor(session, plan);
    this.#bodyOf = bodyOf;
    this.#expected = new Set(messages);
    this.#topics = new Map(messages.map((message) => [bodyKey(bodyOf(message)), message]));
    if (messages.length === 0) this.#complete.resolve();
  }

  get missing(): number {
    return this.#expected.size;
  }

  receive({ payload }: IPublishPacket): void {
    const body = Buffer.from(payload as Buffer);
    const message = this.#topics.get(bodyKey(body));
    if (message === undefined || !body.equals(this.#bodyOf(message))) this.wrong++;
    else if (!this.#expected.delete(message)) this.repeated++;
    if (this.#expected.size === 0) this.#complete.resolve();
  }

  async whenComplete(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#complete.resolve(), timeoutMs);
    await this.#complete.promise;
    clearTimeout(timer);
  }
}

/** Bodies begin with the number of their message. */
function bodyKey(body: Buffer): string {
  return body.toString("latin1", 0, 28);
}

function clientIdOf(session: number): string {
  return `session-${session}`;
}

function portFor(index: number, ports: readonly number[]): number {
  return ports[index % ports.length] as number;
}

/** Runs `one` for each number below `count`, so many at once; resolves with the seconds it took. */
async function inTurn(
  count: number,
  atOnce: number,
  one: (index: number) => Promise<void>,
): Promise<number> {
  const startMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return (performance.now() - startMs) / 1000;
}
