import type { ApplicationMessage } from "../../mqtt/message.ts";
import type { Feed, Place, Step } from "./feed.ts";
import type { LiveLimits } from "./limits.ts";
import { MessageItem } from "./message-item.ts";
import { LivePacket } from "./packet.ts";

/** What is retained as one viewer begins, at the pace at which it reads. */
export class RetainedFeed implements Feed {
  readonly #messages: readonly ApplicationMessage[];
  readonly #limits: LiveLimits;
  #done: (() => void) | null;

  /** More than the bound are cut off, and the viewer is told. `done` is called when it has read all. */
  constructor(messages: readonly ApplicationMessage[], limits: LiveLimits, done: () => void) {
    this.#messages = messages;
    this.#limits = limits;
    this.#done = done;
  }

  onNews(): () => void {
    return () => {
      // There is never any.
    };
  }

  next({ since }: Place): Step | null {
    const message = this.#messages[since];
    if (message === undefined) {
      this.#done?.();
      this.#done = null;
      return null;
    }
    const { retainedPerViewerMax: limit, payloadSizeBytesMax } = this.#limits;
    const packet =
      since >= limit
        ? LivePacket.of({ type: "retained-truncated", limit })
        : new MessageItem(message, true, payloadSizeBytesMax).packet;
    return { packet, place: { since: since + 1, after: null } };
  }
}
