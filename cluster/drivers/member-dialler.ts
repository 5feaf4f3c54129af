import { ClusterError } from "../errors.ts";
import { AddressList, redialDelayMs } from "../members/address-list.ts";
import type { NodeId } from "../node-id.ts";
import { memberLimits } from "../peer-limits.ts";
import type { Cancel } from "../ports.ts";
import type { DriverPorts } from "./driver-ports.ts";

export interface MemberDiallerOptions extends DriverPorts {
  readonly target: NodeId;
  readonly isLinked: () => boolean;
}

/**
 * Dials one member until it is linked, and again whenever the link is gone: one dial at a time, round the known addresses, with a
 * pause after each round that grows to two seconds. It never gives up; only `stop` ends it.
 */
export class MemberDialler {
  readonly #options: MemberDiallerOptions;
  readonly #list = new AddressList(memberLimits.addressesMax);
  #round = 0;
  #isDialling = false;
  #isStopped = false;
  #cancelTimer: Cancel | null = null;
  /** The last failure that was logged; the same one again is not news. */
  #loggedCode = "";

  constructor(options: MemberDiallerOptions) {
    this.#options = options;
  }

  get addresses(): readonly string[] {
    return this.#list.addresses;
  }

  configure(addresses: readonly string[]): void {
    this.#list.configure(addresses);
  }

  learn(addresses: readonly string[]): void {
    this.#list.learn(addresses);
  }

  linked(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#round = 0;
    this.#loggedCode = "";
    this.#list.restart();
  }

  /** Dials after `delayMs` unless a dial or a pause is under way. */
  start(delayMs: number): void {
    if (this.#isStopped || this.#isDialling || this.#cancelTimer !== null) return;
    if (this.#options.isLinked()) return;
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      this.#cancelTimer = null;
      void this.#dial();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  async #dial(): Promise<void> {
    const { isLinked, transport, counters, target } = this.#options;
    if (this.#isStopped || this.#isDialling || isLinked()) return;
    const next = this.#list.take();
    if (next === null) {
      // Nothing to dial yet; the member may dial us, and addresses may come with the log.
      this.#pause();
      return;
    }
    this.#isDialling = true;
    counters.add("member_dials");
    try {
      const hello = await transport.dial(next.address, memberLimits.dialTimeoutMs);
      if (hello.nodeId !== target) this.#failed(next.address, "another-node");
    } catch (error) {
      this.#failed(next.address, error instanceof ClusterError ? error.code : "unreachable");
    }
    this.#isDialling = false;
    if (this.#isStopped || isLinked()) return;
    if (next.isLastOfRound) this.#pause();
    else void this.#dial();
  }

  #pause(): void {
    const { redialMinMs, redialMaxMs } = memberLimits;
    this.#round += 1;
    this.start(redialDelayMs(this.#round, redialMinMs, redialMaxMs, this.#options.random()));
  }

  #failed(address: string, code: string): void {
    const { counters, log, target } = this.#options;
    counters.add("member_dials_failed");
    if (code === this.#loggedCode) return;
    this.#loggedCode = code;
    log.info({ nodeId: target, address, code }, "member cannot be dialled; trying on");
  }
}
