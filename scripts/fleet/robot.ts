/** One simulated robot on a plane of `sizeM` x `sizeM` metres: it drives, turns, and obeys a few commands. */
export class Robot {
  readonly id: string;
  readonly #sizeM: number;
  readonly #random: () => number;
  #x: number;
  #y: number;
  #heading: number;
  #speedMps: number;
  #batteryPercent: number;
  #mode = "tracking";

  constructor(id: string, sizeM: number, random: () => number) {
    this.id = id;
    this.#sizeM = sizeM;
    this.#random = random;
    this.#x = random() * sizeM;
    this.#y = random() * sizeM;
    this.#heading = random() * 2 * Math.PI;
    this.#speedMps = 0.5 + random() * 2;
    this.#batteryPercent = 40 + random() * 60;
  }

  get mode(): string {
    return this.#mode;
  }

  /** `tracking` and `slam` drive (slam slowly), `none` and `stop` stand still; other commands only name the mode. */
  obey(command: string): void {
    this.#mode = command.trim().slice(0, 64) || this.#mode;
  }

  move(seconds: number): void {
    this.#batteryPercent = Math.max(0, this.#batteryPercent - seconds * 0.01);
    const factor =
      this.#mode === "none" || this.#mode === "stop" ? 0 : this.#mode === "slam" ? 0.3 : 1;
    this.#heading += (this.#random() - 0.5) * seconds;
    this.#x += Math.cos(this.#heading) * this.#speedMps * factor * seconds;
    this.#y += Math.sin(this.#heading) * this.#speedMps * factor * seconds;
    if (this.#x < 0 || this.#x > this.#sizeM || this.#y < 0 || this.#y > this.#sizeM) {
      this.#heading += Math.PI;
      this.#x = Math.min(Math.max(this.#x, 0), this.#sizeM);
      this.#y = Math.min(Math.max(this.#y, 0), this.#sizeM);
    }
  }

  /** What goes to `sensors/{id}/coordinates`. */
  coordinates(timestamp: number): string {
    return JSON.stringify({ x: round(this.#x), y: round(this.#y), timestamp });
  }

  /** What goes to `sensors/{id}/{name}`, as bare values. */
  readings(): Readonly<Record<string, string>> {
    const isMoving = this.#mode !== "none" && this.#mode !== "stop";
    return {
      motorRPM: String(isMoving ? Math.round(this.#speedMps * 600 + this.#random() * 20) : 0),
      battery: String(round(this.#batteryPercent)),
    };
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
