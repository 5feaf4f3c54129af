/** What a write changes, each by its key; "all" = it may be anything. */
export type WrittenKeys = readonly string[] | "all";

/** A message on its way to the log. */
export interface LogStep {
  /** It has asked; what follows from the answer waits for its turn. */
  isReady: boolean;
  /** What it writes, and has not yet. */
  readonly held?: WrittenKeys;
  /** Of device state that is in its batch already. */
  readonly topic?: string;
  /** It takes no turn: it may go as soon as nobody before it holds what it writes. */
  readonly isTurnless?: boolean;
  proceed(): void;
}

/**
 * The messages of one publisher reach the log in the order in which they came, although some of them have to ask first whether they must:
 * whoever comes behind one that is still asking waits for its turn. Some go to the log without a turn (QoS 0, and device state, which
 * waits in a batch): they wait only for those before them that write the same in their turn; else their older value would come last, and
 * stay. A retained message that no session waits for does not wait for device state of other topics: only sessions that subscribe at this
 * very moment can hear of both, and they are owed the order of each topic.
 */
export class LogOrder {
  #steps: LogStep[] = [];
  /** How many steps have yet to write each key. */
  #held: Map<string, number> | null = null;
  #heldAll = 0;
  #turnless = 0;
  #isAdvancing = false;
  /** Of steps that failed; whoever said `ready` gets them when all have had their turn. */
  #errors: unknown[] | null = null;

  /** Nobody before is still asking. */
  get isClear(): boolean {
    return this.#steps.length === 0;
  }

  /** Someone has yet to write something. */
  get hasHeld(): boolean {
    return this.#heldAll > 0 || (this.#held !== null && this.#held.size > 0);
  }

  /** Nobody has yet to write any of these. */
  isFree(keys: readonly string[]): boolean {
    return this.#heldAll === 0 && !keys.some((key) => this.#held?.has(key) === true);
  }

  /** All before are device state of other topics in its batch, or nothing. */
  mayPass(topic: string): boolean {
    return this.#steps.every((step) => step.topic !== undefined && step.topic !== topic);
  }

  /** `step` takes a place, and says `ready` exactly once. */
  add(step: LogStep): void {
    this.#steps.push(step);
    if (step.held !== undefined) this.#hold(step.held, 1);
  }

  ready(step: LogStep): void {
    step.isReady = true;
    this.#advance();
  }

  /**
   * Takes a place; call what it answers exactly once, with what to do when all before have had their turn. `held`: what it writes then
   * for certain.
   */
  enter(held: WrittenKeys = []): (run: () => void) => void {
    const step = { isReady: false, held, proceed: nothing };
    this.add(step);
    return (run) => {
      step.proceed = run;
      this.ready(step);
    };
  }

  /** `run` writes `held`, behind all before that do. */
  afterHeld(held: WrittenKeys, run: () => void): void {
    this.#turnless++;
    this.add({ isReady: true, held, isTurnless: true, proceed: run });
  }

  #advance(): void {
    // A step that is ready at once, because the log refuses what another one wrote, waits for its turn all the same.
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    do {
      for (let step = this.#steps[0]; step?.isReady === true; step = this.#steps[0]) {
        this.#steps.shift();
        this.#proceed(step);
      }
    } while (this.#turnless > 0 && this.#proceedFree());
    this.#isAdvancing = false;
    this.#report();
  }

  #report(): void {
    const errors = this.#errors;
    if (errors === null) return;
    this.#errors = null;
    throw errors.length === 1 ? errors[0] : new AggregateError(errors, "several steps failed");
  }

  /** Those that take no turn. */
  #proceedFree(): boolean {
    const held = new Set<string>();
    const free: LogStep[] = [];
    const others: LogStep[] = [];
    let isAllHeld = false;
    for (const step of this.#steps) {
      const keys = step.held ?? [];
      const isFree =
        !isAllHeld && (keys === "all" ? held.size === 0 : !keys.some((key) => held.has(key)));
      if (step.isTurnless === true && isFree) {
        free.push(step);
        continue;
      }
      others.push(step);
      if (keys === "all") isAllHeld = true;
      else for (const key of keys) held.add(key);
    }
    this.#steps = others;
    for (const step of free) this.#proceed(step);
    return free.length > 0;
  }

  #proceed(step: LogStep): void {
    if (step.held !== undefined) this.#hold(step.held, -1);
    if (step.isTurnless === true) this.#turnless--;
    try {
      step.proceed();
    } catch (error) {
      // Those behind it have their turn whatever is wrong with one of them: nobody else would give it to them.
      this.#errors ??= [];
      this.#errors.push(error);
    }
  }

  #hold(keys: WrittenKeys, more: 1 | -1): void {
    if (keys === "all") {
      this.#heldAll += more;
      return;
    }
    if (keys.length === 0) return;
    this.#held ??= new Map();
    for (const key of keys) {
      const count = (this.#held.get(key) ?? 0) + more;
      if (count > 0) this.#held.set(key, count);
      else this.#held.delete(key);
    }
  }
}

function nothing(): void {
  // Until it is known what it asks for.
}
