import { memberLimits } from "../peer-limits.ts";
import type { Cancel } from "../ports.ts";
import type { DriverPorts } from "./driver-ports.ts";

export interface SeedDiallerOptions extends DriverPorts {
  /** HOST:PORT as the operator gave them; host names are looked up at each dial. */
  readonly addresses: readonly string[];
  /** Whether each member has its link. */
  readonly areAllLinked: () => boolean;
}

/**
 * Tries the operator's addresses again, one after the other, while a member is not linked. The log says where a member
 * was; a container that starts again may be elsewhere, and only its name leads there. When all nodes moved at once, no
 * other way is left.
 */
export class SeedDialler {
  readonly #options: SeedDiallerOptions;
  #next = 0;
  #cancelTimer: Cancel | null = null;

  constructor(options: SeedDiallerOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.addresses.length > 0) this.#schedule();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #schedule(): void {
    const { clock, random } = this.#options;
    const delayMs = memberLimits.seedDialMs * (0.5 + random() / 2);
    this.#cancelTimer = clock.after(delayMs, () => void this.#dial());
  }

  async #dial(): Promise<void> {
    const { addresses, areAllLinked, transport, counters } = this.#options;
    const running = this.#cancelTimer;
    const address = addresses[this.#next % addresses.length];
    if (address !== undefined && !areAllLinked()) {
      this.#next += 1;
      counters.add("member_seed_dials");
      // Whoever answers becomes a link, and with it its member. Failures are no news: the member's own dials log them.
      await transport.dial(address, memberLimits.dialTimeoutMs).catch(() => undefined);
    }
    if (this.#cancelTimer === running) this.#schedule();
  }
}
