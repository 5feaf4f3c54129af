import type { LoadJob } from "./job.ts";
import type { Publisher } from "./publisher.ts";
import type { Schedule } from "./schedule.ts";
import { Ticker } from "./ticker.ts";

const timerMs = 1;

/** Has the publishers send what is due. */
export class Pacer {
  readonly #pacing: LoadJob["pacing"];
  readonly #schedule: Schedule;
  readonly #publishers: readonly Publisher[];
  #ticker: Ticker | null = null;
  #due = 0;
  #isSending = false;

  constructor(pacing: LoadJob["pacing"], schedule: Schedule, publishers: readonly Publisher[]) {
    this.#pacing = pacing;
    this.#schedule = schedule;
    this.#publishers = publishers;
  }

  async start(): Promise<void> {
    this.#isSending = true;
    if (this.#pacing === "timer") {
      this.#schedule.start(performance.now());
      setInterval(() => this.#turn(), timerMs).unref();
      return;
    }
    this.#ticker = await Ticker.start(this.#schedule.intervalMs, () => this.#turn());
    this.#schedule.start(this.#ticker.nextMs(performance.now()));
  }

  async stop(): Promise<void> {
    this.#isSending = false;
    await this.#ticker?.stop();
  }

  #turn(): void {
    if (!this.#isSending) return;
    const due = this.#schedule.dueUntil(performance.now());
    while (this.#due < due) this.#publishers[this.#due++ % this.#publishers.length]!.sendOne();
  }
}
