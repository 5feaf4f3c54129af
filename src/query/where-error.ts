/** An expression that cannot be used, and where it went wrong: the number of characters before. */
export class WhereError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(`${message} at character ${at + 1}`);
    this.name = "WhereError";
    this.at = at;
  }
}
