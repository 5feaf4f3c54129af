/**
 * Where a member may be reached: what the log says and what it said itself when it last linked, newest knowledge first.
 * Dialling goes round the list; a round ends when each address was tried once.
 */
export class AddressList {
  readonly #countMax: number;
  #configured: readonly string[] = [];
  #learnt: readonly string[] = [];
  #addresses: readonly string[] = [];
  #next = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  configure(addresses: readonly string[]): void {
    this.#configured = addresses;
    this.#merge();
  }

  learn(addresses: readonly string[]): void {
    this.#learnt = addresses;
    this.#merge();
  }

  /** The address to dial next, and whether it is the last of this round. Null: none is known. */
  take(): { readonly address: string; readonly isLastOfRound: boolean } | null {
    const address = this.#addresses[this.#next];
    if (address === undefined) return null;
    this.#next = (this.#next + 1) % this.#addresses.length;
    return { address, isLastOfRound: this.#next === 0 };
  }

  /** The next round begins with the best address. */
  restart(): void {
    this.#next = 0;
  }

  /** Learnt ones first, but configured ones keep at least half of the room. */
  #merge(): void {
    const learnt = this.#learnt.slice(0, Math.ceil(this.#countMax / 2));
    const merged = new Set([...learnt, ...this.#configured, ...this.#learnt]);
    this.#addresses = [...merged].slice(0, this.#countMax);
    this.#next = 0;
  }
}

/** How long to wait before the round of dials number `round` (1 is the first repetition); `random` in [0, 1). */
export function redialDelayMs(round: number, minMs: number, maxMs: number, random: number): number {
  const fullMs = Math.min(maxMs, minMs * 2 ** Math.min(round - 1, 20));
  return fullMs * (0.5 + random / 2);
}
