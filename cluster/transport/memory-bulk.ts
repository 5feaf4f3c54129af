import { ClusterError } from "../errors.ts";
import type { MemoryLink } from "./memory-link.ts";

/** Chunks that may be on their way before the consumer has taken one. */
const chunksAheadMax = 4;

export interface MemoryBulkOptions {
  readonly link: MemoryLink;
  readonly remoteLink: MemoryLink;
  /** Runs at the receiver, after the delay of the wire. */
  readonly carry: (run: () => void) => void;
  /** Runs at the sender. */
  readonly carryBack: (run: () => void) => void;
  readonly handle: (chunks: AsyncIterable<Uint8Array>) => Promise<void>;
}

/** One bulk transfer over a memory link: pulled by its receiver, cut when either end loses the link. */
export async function transferInMemory(
  options: MemoryBulkOptions,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { link, remoteLink, carry, carryBack } = options;
  const verdict = Promise.withResolvers<void>();
  verdict.promise.catch(() => {});
  const inbox = new Inbox();
  const cut = new ClusterError("link-closed", "the transfer was cut");
  link.onClosed(() => verdict.reject(cut));
  remoteLink.onClosed(() => inbox.end(cut));
  let isOver = false;
  let credit = chunksAheadMax;
  let onCredit = Promise.withResolvers<void>();
  const addCredit = (): void => {
    credit++;
    onCredit.resolve();
    onCredit = Promise.withResolvers();
  };
  inbox.onTaken = () => carryBack(addCredit);
  const finish = (settle: () => void): void => {
    carryBack(() => {
      isOver = true;
      settle();
    });
  };
  carry(() => {
    options.handle(inbox.chunks()).then(
      () => finish(() => verdict.resolve()),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        finish(() => verdict.reject(new ClusterError("remote-failure", message)));
      },
    );
  });
  try {
    for await (const chunk of chunks) {
      while (credit === 0 && !isOver) await Promise.race([onCredit.promise, verdict.promise]);
      if (isOver) break;
      if (link.isClosed) throw cut;
      credit--;
      const bytes = new Uint8Array(chunk);
      carry(() => inbox.push(bytes));
    }
    if (!isOver) carry(() => inbox.end(null));
  } catch (error) {
    carry(() => inbox.end(cut));
    throw error;
  }
  await verdict.promise;
}

/** What has arrived ahead of the consumer. */
class Inbox {
  readonly #chunks: Uint8Array[] = [];
  #end: { readonly error: Error | null } | null = null;
  #wake: (() => void) | null = null;
  onTaken: () => void = () => {};

  push(chunk: Uint8Array): void {
    if (this.#end) return;
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  end(error: Error | null): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        this.onTaken();
        yield chunk;
      } else if (this.#end) {
        if (this.#end.error) throw this.#end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
