import { encodeCommand } from "../replica/commands.ts";
import type { SessionSettlement } from "../replica/sessions/session-commands.ts";
import type { BrokerContext } from "./context.ts";
import type { SessionEntry } from "./session-entry.ts";

const retryMs = 200;

/** What one command says, until the log has it or nobody says it again. */
interface UnderWay {
  readonly batch: readonly Open[];
  readonly over: Promise<void>;
}

/** What one session's client has acknowledged and the log does not know yet. */
interface Open {
  readonly entry: SessionEntry;
  readonly epoch: number;
  readonly completed: Set<number>;
  readonly received: Set<number>;
  readonly released: Set<number>;
}

/**
 * Acknowledgements of stored sessions on their way to the log: of all clients of this node together, one command at a time, so that
 * many clients cost one entry per round trip. Saying it again does no harm, so it is said until the log has it or the connection ends.
 * What comes to the log behind a newer claim of the client still counts, so whoever has the newer claim waits for it before it repeats
 * anything [MQTT-4.4.0-2].
 */
export class Settlements {
  readonly #context: BrokerContext;
  #open = new Map<SessionEntry, Open>();
  readonly #underWay = new Set<UnderWay>();
  #isUnderWay = false;
  #isScheduled = false;

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  completed(entry: SessionEntry, seq: number): void {
    const open = this.#openFor(entry);
    open.completed.add(seq);
    open.received.delete(seq);
  }

  /** The session hears `storedReceived(seq)` when the log has it. */
  received(entry: SessionEntry, seq: number): void {
    this.#openFor(entry).received.add(seq);
  }

  /** The session hears `released(packetId)` when the log has it. */
  released(entry: SessionEntry, packetId: number): void {
    this.#openFor(entry).released.add(packetId);
  }

  /** Takes what `entry` has open, for whoever ends its claim. Goes out at once, ahead of what is proposed next. */
  flush(entry: SessionEntry): void {
    const open = this.#open.get(entry);
    if (open === undefined) return;
    this.#open.delete(entry);
    this.#propose([open]);
  }

  /** What this client has acknowledged here is in the log, or will not be. False when nothing was on its way. */
  async whenSettled(clientId: string): Promise<boolean> {
    const open = [...this.#underWay].filter(({ batch }) =>
      batch.some(({ entry }) => entry.clientId === clientId),
    );
    await Promise.all(open.map(({ over }) => over));
    return open.length > 0;
  }

  #openFor(entry: SessionEntry): Open {
    let open = this.#open.get(entry);
    if (open === undefined) {
      const { epoch } = entry;
      open = { entry, epoch, completed: new Set(), received: new Set(), released: new Set() };
      this.#open.set(entry, open);
      this.#schedule();
    }
    return open;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isUnderWay || this.#open.size === 0) return;
    this.#isScheduled = true;
    this.#context.clock.endOfTurn(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#isUnderWay || this.#open.size === 0) return;
    const batch = [...this.#open.values()].slice(0, this.#context.limits.settlementsPerCommand);
    for (const { entry } of batch) this.#open.delete(entry);
    this.#isUnderWay = true;
    this.#propose(batch, () => {
      this.#isUnderWay = false;
      this.#schedule();
    });
  }

  /** Not behind a newer claim, or the end of this one: its connection ends within this turn. */
  #isHeard({ entry, epoch }: Open): boolean {
    return this.#context.replica.sessions.get(entry.clientId)?.epoch === epoch;
  }

  #propose(batch: readonly Open[], done: () => void = () => undefined): void {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const underWay: UnderWay = { batch, over };
    this.#underWay.add(underWay);
    this.#say(batch, () => {
      this.#underWay.delete(underWay);
      resolve();
      done();
    });
  }

  /** Until the log has it. */
  #say(batch: readonly Open[], done: () => void): void {
    const { clock, cluster, limits, wheel, counters } = this.#context;
    const command = encodeCommand({ type: "settle", settlements: batch.map(settlementOf) });
    cluster.propose(command, limits.commitTimeoutMs, (outcome) => {
      if (outcome.status === "applied") {
        const nowMs = clock.wallMs();
        for (const open of batch) if (this.#isHeard(open)) tell(open, nowMs);
        done();
      } else if (outcome.reason === "stopped") done();
      else {
        // Who comes next does not wait for ever, so nobody says it again for those that are gone.
        const open = batch.filter(({ entry }) => !entry.isGone);
        counters.settlementsRepeated += open.length > 0 ? 1 : 0;
        if (open.length > 0) wheel.after(retryMs, () => this.#say(open, done));
        else done();
      }
    });
  }
}

function settlementOf({ entry, epoch, completed, received, released }: Open): SessionSettlement {
  return {
    clientId: entry.clientId,
    epoch,
    completed: ascending(completed),
    received: ascending(received),
    released: ascending(released),
  };
}

function ascending(numbers: ReadonlySet<number>): readonly number[] {
  return [...numbers].sort((a, b) => a - b);
}

function tell({ entry, completed, received, released }: Open, nowMs: number): void {
  if (entry.isGone) return;
  for (const seq of completed) entry.session.storedCompleted(seq, nowMs);
  for (const seq of received) entry.session.storedReceived(seq);
  for (const packetId of released) entry.session.released(packetId);
}
