import type { DrainState } from "../../api/ports.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { askNode, fetchStatus, type NodeLocation } from "../node-client.ts";
import type { Terminal } from "../terminal.ts";
import { askStopSafety, type StopSafety, safetyLines } from "./leadership.ts";

export interface DrainCommand extends NodeLocation {
  readonly nameOrId: string;
  readonly clientsPerSecond: number;
  readonly isJson: boolean;
}

const pollMs = 250;
/** For a problem to go away by itself, such as an election. */
const patienceMs = 10_000;

const drainPath = "/api/v1/cluster/drain";

/** Empties a node, waits until it is, and answers 0 when it can be stopped at no cost, else 1 with the reasons. */
export async function drainNode(command: DrainCommand, terminal: Terminal): Promise<ExitCode> {
  const { nameOrId, clientsPerSecond, isJson } = command;
  const { url } = await fetchStatus(command);
  const body = { node: nameOrId, clientsPerSecond };
  const what = `${nameOrId} is not drained`;
  const begun = (await askNode(url, "POST", drainPath, what, body)) as DrainState;
  if (!isJson) {
    terminal.out(
      `${begun.node}: ${begun.clientsLeft} clients to move, ${clientsPerSecond} a second`,
    );
  }
  const state = await whenEnded(url, begun, what, terminal);
  const safety = await askStopSafety(url, [state.node]);
  terminal.out(isJson ? JSON.stringify({ drain: state, ...safety }) : textOf(state, safety));
  return state.phase === "drained" && safety.isSafe ? exitCodes.ok : exitCodes.notInSync;
}

/** The node takes clients again. */
export async function cancelDrain(
  request: NodeLocation & { readonly nameOrId: string; readonly isJson: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const { nameOrId, isJson } = request;
  const { url } = await fetchStatus(request);
  const path = `${drainPath}/${encodeURIComponent(nameOrId)}`;
  const what = `draining ${nameOrId} was not cancelled`;
  const state = (await askNode(url, "DELETE", path, what)) as DrainState;
  terminal.out(isJson ? JSON.stringify(state) : `${state.node} takes clients`);
  return exitCodes.ok;
}

/** The last state: drained, given up by somebody, or with a problem that stays. */
async function whenEnded(
  url: string,
  begun: DrainState,
  what: string,
  terminal: Terminal,
): Promise<DrainState> {
  const path = `${drainPath}/${encodeURIComponent(begun.node)}`;
  let state = begun;
  let soundAtMs = terminal.monotonicMs();
  while (state.phase !== "drained" && state.phase !== "off") {
    if (state.problem === null) soundAtMs = terminal.monotonicMs();
    if (terminal.monotonicMs() - soundAtMs > patienceMs) break;
    await terminal.sleep(pollMs);
    state = (await askNode(url, "GET", path, what)) as DrainState;
  }
  return state;
}

function textOf({ node, phase, clientsMoved, problem }: DrainState, safety: StopSafety): string {
  const moved = `${clientsMoved} ${clientsMoved === 1 ? "client" : "clients"} moved`;
  const because = problem === null ? "" : `: ${problem}`;
  const outcome =
    phase === "drained"
      ? `${node} is drained, ${moved}`
      : phase === "off"
        ? `${node} is NOT drained: it was cancelled, or the node was restarted`
        : `${node} is NOT drained yet${because}`;
  return [outcome, ...safetyLines(safety)].join("\n");
}
