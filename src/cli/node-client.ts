import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ClusterStatus } from "#cluster";
import { readPorts } from "../config/saved-ports.ts";
import { CliError } from "./cli-error.ts";
import { exitCodes } from "./exit-codes.ts";

const answerTimeoutMs = 5000;
const defaultUrl = "http://127.0.0.1:8080";
/** Data directories looked at for a node to ask. */
const directoriesMax = 100;

export interface NodeLocation {
  /** `--url`; null: the default port of this machine, then the nodes of the data root. */
  readonly url: string | null;
  readonly dataRoot: string;
}

/** Asks a node for the cluster's status; throws {@link CliError} (unreachable) when none answers. */
export async function fetchStatus(
  location: NodeLocation,
): Promise<{ readonly url: string; readonly status: ClusterStatus }> {
  const failures: string[] = [];
  for (const url of candidateUrls(location)) {
    try {
      return { url, status: await statusAt(url) };
    } catch (error) {
      failures.push(`${url}: ${reasonOf(error)}`);
    }
  }
  const [first = "", ...others] = failures;
  const more =
    others.length === 0 ? "" : ` (nor do ${others.length} others in ${location.dataRoot})`;
  throw new CliError(`no node answers at ${first}${more}`, exitCodes.unreachable);
}

/** Throws {@link CliError} with what the node said. */
export async function removeMember(url: string, nameOrId: string): Promise<void> {
  const path = `/api/v1/cluster/members/${encodeURIComponent(nameOrId)}`;
  let response: Response;
  try {
    const signal = AbortSignal.timeout(60_000);
    response = await fetch(new URL(path, url), { method: "DELETE", signal });
  } catch (error) {
    throw new CliError(`${url}: ${reasonOf(error)}`, exitCodes.unreachable);
  }
  if (!response.ok) {
    const body: unknown = await response.json().catch(() => null);
    const detail = hasText(body, "detail") ? body.detail : `HTTP status ${response.status}`;
    throw new CliError(`${nameOrId} was not removed: ${detail}`, exitCodes.notInSync);
  }
}

function candidateUrls(location: NodeLocation): readonly string[] {
  return location.url === null
    ? [...new Set([defaultUrl, ...urlsOfDataRoot(location.dataRoot)])]
    : [checkUrl(location.url)];
}

function checkUrl(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new CliError(
      `--url: expected an http address such as ${defaultUrl}, not "${text}"`,
      exitCodes.usage,
    );
  }
  return url.origin;
}

/** Nodes of this machine write the ports they use into their data directories. */
function urlsOfDataRoot(dataRoot: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(dataRoot).sort().slice(0, directoriesMax);
  } catch {
    return [];
  }
  return names
    .map((name) => readPorts(join(dataRoot, name))?.http)
    .filter((port) => port !== undefined)
    .map((port) => `http://127.0.0.1:${port}`);
}

async function statusAt(url: string): Promise<ClusterStatus> {
  const signal = AbortSignal.timeout(answerTimeoutMs);
  const response = await fetch(new URL("/api/v1/cluster", url), { signal });
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Error(hasText(body, "detail") ? body.detail : `HTTP status ${response.status}`);
  }
  if (!isStatus(body)) {
    throw new Error("something else than FlockMQ answers there");
  }
  return body;
}

function isStatus(body: unknown): body is ClusterStatus {
  const candidate = body as Partial<ClusterStatus> | null;
  return typeof candidate?.inSync === "boolean" && Array.isArray(candidate.nodes);
}

function hasText<K extends string>(body: unknown, key: K): body is Record<K, string> {
  return typeof body === "object" && body !== null && typeof Reflect.get(body, key) === "string";
}

/** `fetch` hides the system's reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  if (error.name === "TimeoutError") {
    return "no answer in time";
  }
  const cause: unknown = error.cause;
  if (cause instanceof Error && "code" in cause) {
    return cause.code === "ECONNREFUSED" ? "connection refused" : String(cause.code);
  }
  return error.message;
}
