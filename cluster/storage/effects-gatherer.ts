import { logLimits } from "../log-limits.ts";
import type { Cancel } from "../ports.ts";
import { EffectsBound } from "./effects-bound.ts";
import type { LevelDisk } from "./level-disk.ts";
import type { AppliedEffects } from "./storage.ts";
import { WaitingEffects } from "./waiting-effects.ts";

/**
 * Effects of entries on their way to the disk. Nobody waits for them, and the log holds them until then: so they are written together, now and then.
 * What is overwritten or goes again meanwhile, as most messages of sessions do, is never written.
 */
export class EffectsGatherer {
  readonly #disk: LevelDisk;
  readonly #delayMs: number;
  readonly #send: (effects: AppliedEffects, done: () => void) => void;
  readonly #waiting = new WaitingEffects();
  readonly #bound = new EffectsBound();
  /** Runs while effects wait. */
  #timer: Cancel | null = null;

  constructor(
    disk: LevelDisk,
    delayMs: number,
    send: (effects: AppliedEffects, done: () => void) => void,
  ) {
    this.#disk = disk;
    this.#delayMs = delayMs;
    this.#send = send;
  }

  add(effects: AppliedEffects, done: () => void): void {
    const wasEmpty = this.#waiting.isEmpty;
    this.#waiting.add(effects, done);
    if (this.#bound.isMet(effects, this.#waiting.sizeBytes, wasEmpty)) this.flush();
    else if (this.#timer === null) {
      // As far apart as the turns that did not come: nodes that began to wait with the same entry would all write at once.
      const offsetMs = (effects.turn?.offset ?? 0) * logLimits.effectsRoundMs;
      this.#timer = this.#disk.after(this.#delayMs + offsetMs, () => this.flush());
    }
  }

  /** What waits is sent now. */
  flush(): void {
    this.#timer?.();
    this.#timer = null;
    const gathered = this.#waiting.take();
    if (gathered === null) return;
    this.#send(gathered.applied, () => {
      for (const done of gathered.waiters) done();
    });
  }
}
