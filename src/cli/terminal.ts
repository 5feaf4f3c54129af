/** Where a command writes, and what it knows of the world; tests hand it their own. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  monotonicMs(): number;
  sleep(durationMs: number): Promise<void>;
}

export function processTerminal(environment: Terminal["environment"]): Terminal {
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    environment,
    monotonicMs: () => performance.now(),
    sleep: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
  };
}
