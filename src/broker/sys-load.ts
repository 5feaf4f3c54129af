const windowsMinutes = [1, 5, 15] as const;
export const loadWindows = ["1min", "5min", "15min"] as const;

/** Exponentially decaying rate per minute of a counter, over one, five and fifteen minutes, as mosquitto reports it. */
export class Load {
  #before = 0;
  readonly #rates = [0, 0, 0];

  /** `total` is the counter now, `elapsedMs` the time since the last call. */
  update(total: number, elapsedMs: number): void {
    if (elapsedMs <= 0) return;
    const perMinute = ((total - this.#before) * 60_000) / elapsedMs;
    this.#before = total;
    for (const [at, minutes] of windowsMinutes.entries()) {
      const weight = Math.exp(-elapsedMs / (minutes * 60_000));
      this.#rates[at] = perMinute + weight * ((this.#rates[at] ?? 0) - perMinute);
    }
  }

  /** Per minute, in the order of `loadWindows`. */
  get rates(): readonly number[] {
    return this.#rates;
  }
}
