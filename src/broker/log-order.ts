/** A message on its way to the log. */
export interface LogStep {
  /** It has asked; what follows from the answer waits for its turn. */
  isReady: boolean;
  proceed(): void;
}

/**
 * The messages of one publisher reach the log in the order in which they came, although some of them have to ask first whether they must:
 * whoever comes behind one that is still asking waits for its turn.
 */
export class LogOrder {
  readonly #steps: LogStep[] = [];

  /** Nobody before is still asking. */
  get isClear(): boolean {
    return this.#steps.length === 0;
  }

  /** `step` takes a place, and says `ready` exactly once. */
  add(step: LogStep): void {
    this.#steps.push(step);
  }

  ready(step: LogStep): void {
    step.isReady = true;
    this.#advance();
  }

  /** Takes a place; call what it answers exactly once, with what to do when all before have had their turn. */
  enter(): (run: () => void) => void {
    const step: LogStep = { isReady: false, proceed: nothing };
    this.add(step);
    return (run) => {
      step.proceed = run;
      this.ready(step);
    };
  }

  #advance(): void {
    for (let step = this.#steps[0]; step?.isReady === true; step = this.#steps[0]) {
      this.#steps.shift();
      step.proceed();
    }
  }
}

function nothing(): void {
  // Until it is known what it asks for.
}
