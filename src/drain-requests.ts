import { type Cluster, ClusterError, type MemberView } from "#cluster";
import type { DrainState } from "./api/ports.ts";
import type { NodeDrain } from "./node-drain.ts";

/** What one node asks of another: to begin, to end, or how far it is. */
export type DrainRequest =
  | { readonly action: "begin"; readonly clientsPerSecond: number }
  | { readonly action: "cancel" }
  | { readonly action: "look" };

const drainRequestKind = "drain";
/** The drained node asks the others before it answers. */
const answerTimeoutMs = 5000;
/** Bounds what `cluster drain --rate` may ask for. */
export const clientsPerSecondMax = 100_000;

/** Brings what is asked of any node to the one that is to be drained. */
export class DrainRequests {
  readonly #cluster: Cluster;
  readonly #drain: NodeDrain;

  constructor(cluster: Cluster, drain: NodeDrain) {
    this.#cluster = cluster;
    this.#drain = drain;
  }

  start(): void {
    this.#cluster.onRequest(drainRequestKind, async (_from, payload) => this.#answer(payload));
  }

  /** Rejects with ClusterError. */
  async ask(member: MemberView, request: DrainRequest): Promise<DrainState> {
    if (member.isSelf) return this.#do(request);
    const payload = Buffer.from(JSON.stringify(request));
    const answer = await this.#cluster
      .request(member.nodeId, drainRequestKind, payload, answerTimeoutMs)
      .catch((error: unknown) => {
        throw refusalOf(error, member.name);
      });
    const value = JSON.parse(Buffer.from(answer).toString("utf8")) as
      | DrainState
      | { readonly refused: string };
    if ("refused" in value) throw new ClusterError("change-refused", value.refused);
    return value;
  }

  async #do(request: DrainRequest): Promise<DrainState> {
    if (request.action === "begin") await this.#drain.begin(request.clientsPerSecond);
    else if (request.action === "cancel") this.#drain.cancel();
    return this.#drain.state();
  }

  async #answer(payload: Uint8Array): Promise<Uint8Array> {
    const request = decodeRequest(payload);
    if (request === null) throw new ClusterError("frame-malformed", "not a request to drain");
    try {
      return Buffer.from(JSON.stringify(await this.#do(request)));
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      return Buffer.from(JSON.stringify({ refused: error.message }));
    }
  }
}

function decodeRequest(payload: Uint8Array): DrainRequest | null {
  let value: { readonly action?: unknown; readonly clientsPerSecond?: unknown } | null;
  try {
    value = JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    return null;
  }
  const { action, clientsPerSecond } = value ?? {};
  if (action === "cancel" || action === "look") return { action };
  const isRate =
    typeof clientsPerSecond === "number" &&
    clientsPerSecond >= 1 &&
    clientsPerSecond <= clientsPerSecondMax;
  return action === "begin" && isRate ? { action, clientsPerSecond } : null;
}

/** Such as a node of a version that cannot be drained. */
function refusalOf(error: unknown, name: string): unknown {
  if (!(error instanceof ClusterError) || error.code !== "remote-failure") return error;
  return new ClusterError("change-refused", `${name}: ${error.message}`, {}, error);
}
