/** The operator asked for something that cannot be: one line for a person, and the process ends with `exitCode`. */
export class UsageError extends Error {
  /** 2: the command line, environment or configuration file is wrong; 1: it is right, and this machine cannot do it. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 2) {
    super(message);
    this.name = "UsageError";
    this.exitCode = exitCode;
  }
}
