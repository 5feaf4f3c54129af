import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ownEntry = join(import.meta.dirname, "..", "..", "dist", "node.js");
const logLinesKept = 400;

/** The one line that a node prints on stdout when it is ready. */
export interface ReadyLine {
  readonly msg: "ready";
  readonly node: string;
  readonly nodeId: string;
  readonly mqtt: number;
  readonly ws: number;
  readonly http: number;
  readonly peer: number;
  readonly pid: number;
}

export interface NodeProcessOptions {
  /** Working directory: its `flockmq-data` is the data root unless the arguments say otherwise. */
  readonly cwd: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The `dist/node.js` of another build. */
  readonly entry?: string;
  /** A command line to run it in, such as `ip netns exec NAME`, that replaces itself with the node. */
  readonly within?: readonly string[];
  /** True: a Ctrl-C in the terminal reaches the program that started it and not the node; when that exits, the node is killed. */
  readonly isApart?: boolean;
}

/** One real `node dist/node.js`, started, watched and ended by its process id. */
export class NodeProcess {
  readonly options: NodeProcessOptions;
  /** The newest lines of its log. */
  readonly log: string[] = [];
  ready: ReadyLine | null = null;
  exitCode: number | null = null;
  readonly #child: ChildProcess;
  readonly #readyWaiters: (() => void)[] = [];
  readonly exited: Promise<void>;

  constructor(options: NodeProcessOptions) {
    this.options = options;
    const entry = options.entry ?? ownEntry;
    const line = [...(options.within ?? []), process.execPath, entry, ...options.args];
    this.#child = spawn(line[0] ?? "", line.slice(1), {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: options.isApart ?? false,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null)
        createInterface({ input: stream }).on("line", (line) => this.#read(line));
    }
    const kill = () => this.#child.kill("SIGKILL");
    if (options.isApart === true) process.once("exit", kill);
    this.exited = new Promise((resolve) => {
      this.#child.on("exit", (code, signal) => {
        process.removeListener("exit", kill);
        this.exitCode = code ?? (signal === null ? 0 : 128);
        this.#wake();
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.exitCode === null;
  }

  /** Resolves with the ready line; rejects with the end of the log when the process ends or the time is up. */
  async whenReady(timeoutMs: number): Promise<ReadyLine> {
    const deadline = AbortSignal.timeout(timeoutMs);
    while (this.ready === null) {
      if (this.exitCode !== null) throw this.#failure(`ended with exit code ${this.exitCode}`);
      if (deadline.aborted) throw this.#failure(`was not ready after ${timeoutMs} ms`);
      await new Promise<void>((resolve) => {
        this.#readyWaiters.push(resolve);
        deadline.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return this.ready;
  }

  /** To the broker itself, whose process id the ready line tells: what started it may be another process. */
  signal(name: NodeJS.Signals): void {
    if (!this.isRunning) return;
    const broker = this.ready?.pid ?? this.pid;
    if (broker === this.pid) this.#child.kill(name);
    else signalProcess(broker, name);
  }

  /** SIGTERM, and SIGKILL when it does not end in time. */
  async stop(timeoutMs = 8000): Promise<void> {
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), timeoutMs);
    await this.exited;
    clearTimeout(timer);
  }

  #read(line: string): void {
    this.log.push(line);
    if (this.log.length > logLinesKept) this.log.shift();
    if (!line.includes('"ready"')) return;
    try {
      const parsed = JSON.parse(line) as ReadyLine;
      if (parsed.msg !== "ready") return;
      this.ready = parsed;
      this.#wake();
    } catch {
      // Some other line with the word in it.
    }
  }

  #wake(): void {
    for (const wake of this.#readyWaiters.splice(0)) wake();
  }

  #failure(what: string): Error {
    const end = this.log.slice(-15).join("\n");
    return new Error(`node ${this.options.args.join(" ")} ${what}; the end of its log:\n${end}`);
  }
}

function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
