/**
 * Which node to talk to next, and when. The node that served the page comes first; when it does not answer, every node that the
 * last cluster status knew to be up is tried in turn, and the waits grow with each round of all of them.
 */
export interface LinkState {
  readonly phase: "connecting" | "live" | "waiting";
  /** Origin of the node that served the page, such as `http://127.0.0.1:8080`. */
  readonly home: string;
  /** Origin of the node that is talked to, or tried. */
  readonly base: string;
  /** Failures since the feed was live. */
  readonly failures: number;
  /** When the next try begins; null unless `phase` is "waiting". */
  readonly retryAtMs: number | null;
  /** Since when there is no news; null while live. */
  readonly lostAtMs: number | null;
}

export type LinkEvent =
  | { readonly type: "try" }
  | { readonly type: "opened" }
  | {
      readonly type: "closed";
      readonly nowMs: number;
      /** 0 to 1: a thousand viewers of a node that died do not all come back in the same instant. */
      readonly random: number;
      /** Origins of the other nodes, best first. */
      readonly others: readonly string[];
    };

const firstDelayMs = 250;
const delayMsMax = 8_000;

export function firstLink(home: string): LinkState {
  return { phase: "connecting", home, base: home, failures: 0, retryAtMs: null, lostAtMs: null };
}

export function nextLink(state: LinkState, event: LinkEvent): LinkState {
  if (event.type === "try") return { ...state, phase: "connecting", retryAtMs: null };
  if (event.type === "opened") {
    return { ...state, phase: "live", failures: 0, retryAtMs: null, lostAtMs: null };
  }
  const places = placesToTry(state, event.others);
  const failures = state.failures + 1;
  const round = Math.floor((failures - 1) / places.length);
  const delayMs = Math.min(delayMsMax, firstDelayMs * 2 ** round);
  return {
    ...state,
    phase: "waiting",
    failures,
    base: places[(failures - 1) % places.length] ?? state.home,
    retryAtMs: event.nowMs + delayMs * (0.75 + event.random / 2),
    lostAtMs: state.lostAtMs ?? event.nowMs,
  };
}

/** The node that was lost once more, since it may only have closed one connection; then home, then the others. */
function placesToTry(state: LinkState, others: readonly string[]): readonly string[] {
  return [...new Set([state.home, ...others])];
}

/** Where the other nodes answer, as this page may reach them: on the page's own host, at the ports that the status tells. */
export function originsOf(
  nodes: readonly {
    readonly name: string;
    readonly state: string;
    readonly ports: Readonly<Record<string, number>>;
  }[],
  pageOrigin: string,
): readonly { readonly name: string; readonly origin: string }[] {
  const page = /^(https?:)\/\/(\[[^\]]+\]|[^:/]+)/.exec(pageOrigin);
  if (page === null) return [];
  return nodes.flatMap(({ name, state, ports }) => {
    const port = ports["http"];
    const isKnown = state === "up" && typeof port === "number" && port > 0;
    return isKnown ? [{ name, origin: `${page[1]}//${page[2]}:${port}` }] : [];
  });
}
