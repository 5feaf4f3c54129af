import { link } from "./link.ts";

/** A request that did not succeed, with what a person can be told. */
export class RequestFailed extends Error {
  /** 0: no answer came. */
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "RequestFailed";
    this.status = status;
    this.code = code;
  }
}

export interface RequestOptions {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

const timeoutMs = 10_000;

/** Asks the node that is talked to now. Throws RequestFailed, or the AbortError of `signal`. */
export async function request(path: string, options: RequestOptions = {}): Promise<unknown> {
  const { method = "GET", body, signal } = options;
  const limit = AbortSignal.timeout(timeoutMs);
  let answer: Response;
  try {
    answer = await fetch(link.value.base + path, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestFailed(0, "unreachable", unreachableText());
  }
  const text = await answer.text();
  const parsed = parseJson(text);
  if (answer.ok) return parsed;
  const { code, detail } = (parsed ?? {}) as { code?: unknown; detail?: unknown };
  throw new RequestFailed(
    answer.status,
    typeof code === "string" ? code : "",
    typeof detail === "string" ? detail : `The node answered ${answer.status}.`,
  );
}

/** A browser does not tell a node that is away from one that does not let this page ask. */
function unreachableText(): string {
  const { base, home } = link.value;
  return base === home
    ? "The node does not answer."
    : "The node that served this page is away, and the other one lets it only watch. Open the dashboard there.";
}

/** What to show of an error, whatever it is. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function parseJson(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
