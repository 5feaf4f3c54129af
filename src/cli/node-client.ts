import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ClusterStatus } from "#cluster";
import { readPorts } from "../config/saved-ports.ts";
import { CliError } from "./cli-error.ts";
import { exitCodes } from "./exit-codes.ts";
import { type HttpAnswer, requestJson } from "./http-request.ts";

const answerTimeoutMs = 5000;
/** A change waits for the log. */
const changeTimeoutMs = 60_000;
/** Every replica reads its whole state. */
const verifyTimeoutMs = 60_000;
/** Data directories looked at for a node to ask. */
const directoriesMax = 100;

export interface NodeLocation {
  /** `--url`; null: `defaultUrl`, then the nodes of the data root. */
  readonly url: string | null;
  readonly defaultUrl: string;
  readonly dataRoot: string;
}

/** Asks a node for the cluster's status; throws {@link CliError} (unreachable) when none answers. */
export async function fetchStatus(
  location: NodeLocation,
  isVerifying = false,
): Promise<{ readonly url: string; readonly status: ClusterStatus }> {
  const failures: string[] = [];
  for (const url of candidateUrls(location)) {
    try {
      return { url, status: await statusAt(url, isVerifying) };
    } catch (error) {
      failures.push(`${url}: ${reasonOf(error)}`);
    }
  }
  const [first = "", ...others] = failures;
  const more =
    others.length === 0 ? "" : ` (nor do ${others.length} others in ${location.dataRoot})`;
  throw new CliError(`no node answers at ${first}${more}`, exitCodes.unreachable);
}

/** Asks for something else than the status; throws {@link CliError} with `what` went wrong and what the node said. */
export async function askNode(
  url: string,
  method: "GET" | "DELETE" | "POST",
  path: string,
  what: string,
  body?: object,
): Promise<unknown> {
  let answer: HttpAnswer;
  try {
    answer = await requestJson(method, new URL(path, url), changeTimeoutMs, body);
  } catch (error) {
    throw new CliError(`${url}: ${reasonOf(error)}`, exitCodes.unreachable);
  }
  if (answer.statusCode >= 300) {
    throw new CliError(`${what}: ${detailOf(answer)}`, exitCodes.notInSync);
  }
  return answer.body;
}

function candidateUrls(location: NodeLocation): readonly string[] {
  return location.url === null
    ? [...new Set([location.defaultUrl, ...urlsOfDataRoot(location.dataRoot)])]
    : [checkUrl(location.url)];
}

function checkUrl(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new CliError(
      `--url: expected an http address such as http://127.0.0.1:8080, not "${text}"`,
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

async function statusAt(url: string, isVerifying: boolean): Promise<ClusterStatus> {
  const path = isVerifying ? "/api/v1/cluster?verify=true" : "/api/v1/cluster";
  const timeoutMs = isVerifying ? verifyTimeoutMs : answerTimeoutMs;
  const answer = await requestJson("GET", new URL(path, url), timeoutMs);
  if (answer.statusCode !== 200) {
    throw new Error(detailOf(answer));
  }
  if (!isStatus(answer.body)) {
    throw new Error("something else than FlockMQ answers there");
  }
  return answer.body;
}

function isStatus(body: unknown): body is ClusterStatus {
  const candidate = body as Partial<ClusterStatus> | null;
  return typeof candidate?.inSync === "boolean" && Array.isArray(candidate.nodes);
}

/** What a problem document says, or the bare status. */
function detailOf({ statusCode, body }: HttpAnswer): string {
  const detail = (body as { readonly detail?: unknown } | null)?.detail;
  return typeof detail === "string" ? detail : `HTTP status ${statusCode}`;
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "ECONNREFUSED") {
    return "connection refused";
  }
  return error instanceof Error && error.message !== "" ? error.message : String(code ?? error);
}
