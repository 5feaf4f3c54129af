import { logLimits } from "../log-limits.ts";
import type { Configuration } from "../raft/types.ts";
import type { AppliedEffects } from "./storage.ts";

/**
 * Says when effects that wait are to be written: when it is the node's turn, or, where so many come that they would fill the bound within a round,
 * by their amount. Nodes that apply the same entries have the same amount waiting: so each voter then writes at a part of its own of the bound
 * first, and then at the whole of it, and the writes of all stay as far apart as their turns are.
 */
export class EffectsBound {
  /** The latest one that came with effects. */
  #configuration: Configuration | null = null;
  /** The log's time when the first of those came that wait. */
  #sinceMs = 0;
  /** The last write was for the amount. */
  #wasMuch = false;
  /** There was such a write since the last turn. */
  #isTurnTaken = false;

  /** Whether what waits, these among it, is written now. `wasEmpty`: there were none before these. */
  isMet(effects: AppliedEffects, sizeBytes: number, wasEmpty: boolean): boolean {
    // A node that forgets who votes, and that the log may not tell it, waits for one that is gone.
    const isNew = effects.configuration !== this.#configuration;
    this.#configuration = effects.configuration;
    if (wasEmpty && effects.turn) this.#sinceMs = effects.turn.timeMs;
    if (isNew) return true;
    if (this.#isMuch(effects, sizeBytes)) {
      this.#wasMuch = true;
      this.#isTurnTaken = true;
      return true;
    }
    if (effects.turn?.isNow !== true || wasEmpty) return false;
    // Its writes are apart from those of the others by their amount, and would not be for long if turns came in between.
    const isTaken = this.#isTurnTaken;
    this.#isTurnTaken = false;
    if (!isTaken) this.#wasMuch = false;
    return !isTaken;
  }

  #isMuch({ configuration, turn }: AppliedEffects, sizeBytes: number): boolean {
    const isAlone = configuration.voters.length <= 1;
    const sizeBytesMax = isAlone
      ? logLimits.effectsAloneSizeBytesMax
      : logLimits.effectsSizeBytesMax;
    if (sizeBytes >= sizeBytesMax) return true;
    if (this.#wasMuch || !turn) return false;
    // Not what is left of a round after the node's turn: where that is how long it takes, all of them would come to it together.
    const part = turn.offset || 1;
    const isFast = turn.timeMs - this.#sinceMs <= part * logLimits.effectsRoundMs;
    return isFast && sizeBytes >= part * sizeBytesMax;
  }
}
