/**
 * The messages of one publisher reach the log in the order in which they came, although some of them have to ask first whether they must:
 * whoever comes behind one that is still asking waits for its turn.
 */
export class LogOrder {
  readonly #steps: { run: (() => void) | null }[] = [];

  /** Nobody before is still asking. */
  get isClear(): boolean {
    return this.#steps.length === 0;
  }

  /** Takes a place; call what it answers exactly once, with what to do when all before have had their turn. */
  enter(): (run: () => void) => void {
    const step: { run: (() => void) | null } = { run: null };
    this.#steps.push(step);
    return (run) => {
      step.run = run;
      this.#advance();
    };
  }

  #advance(): void {
    for (let run = this.#steps[0]?.run; run; run = this.#steps[0]?.run) {
      this.#steps.shift();
      run();
    }
  }
}
