import { ownVoteIsDurable } from "./election.ts";
import { invariant } from "./invariant.ts";
import { ownWriteIsDurable } from "./leader.ts";
import type { Message } from "./messages.ts";
import type { StorageWrite } from "./ready.ts";
import type { RaftState } from "./state.ts";
import type { HardState } from "./types.ts";

interface PendingWrite {
  readonly id: number;
  readonly hardState: HardState;
  /** Answers found true after the write was handed over, which need it and nothing later. */
  readonly answers: Message[];
}

/**
 * The writes handed to the disk and not yet finished. They are matched by number, not by what they contain: the same index
 * and term may be written, replaced and written again.
 */
export class Writes {
  #lastId = 0;
  #pending: PendingWrite[] = [];

  isDue(state: RaftState): boolean {
    const { term, vote, writtenHardState: written } = state;
    return state.log.hasUnwritten || term !== written.term || vote !== written.vote;
  }

  /** The next write, or null when the disk knows everything; answers then wait for the last one under way. */
  take(state: RaftState): StorageWrite | null {
    const answers = state.answers;
    state.answers = [];
    if (!this.isDue(state)) {
      const last = this.#pending.at(-1);
      (last?.answers ?? state.outbox).push(...answers);
      return null;
    }
    const { entries, snapshot } = state.log.beginWrite();
    const { writtenHardState: written } = state;
    const hardState = { term: state.term, vote: state.vote, commit: state.log.commitIndex };
    // The commit index alone is not worth a sync, but it must not be older than the entries beside it.
    const isChanged =
      hardState.term !== written.term ||
      hardState.vote !== written.vote ||
      hardState.commit !== written.commit;
    state.writtenHardState = hardState;
    this.#lastId += 1;
    this.#pending.push({ id: this.#lastId, hardState, answers: [] });
    return {
      id: this.#lastId,
      hardState: isChanged ? hardState : null,
      entries,
      snapshot,
      messages: answers,
    };
  }

  done(state: RaftState, id: number): void {
    const write = this.#pending.shift();
    invariant(write?.id === id, "writes finish in the order they were handed out", { id });
    state.log.finishWrite();
    state.outbox.push(...write.answers);
    const { term, vote } = write.hardState;
    if (state.role === "leader") {
      ownWriteIsDurable(state);
    } else if (state.role === "candidate" && term === state.term && vote === state.nodeId) {
      if (!state.votes.has(state.nodeId)) {
        ownVoteIsDurable(state);
      }
    }
  }
}
