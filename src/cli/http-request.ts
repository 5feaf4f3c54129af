import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";

export interface HttpAnswer {
  readonly statusCode: number;
  /** Null when it was not JSON. */
  readonly body: unknown;
}

const answerSizeBytesMax = 64 * 1024 * 1024;

/**
 * One request on a connection of its own. Not `fetch`, which refuses a list of ports that only browsers need to be
 * protected from.
 */
export function requestJson(
  method: "GET" | "DELETE" | "POST",
  url: URL,
  timeoutMs: number,
  body?: object,
): Promise<HttpAnswer> {
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => sent.destroy(new Error("no answer in time")), timeoutMs);
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const sent = request(url, { method, agent: false, headers }, (response) => {
      readJson(response).then(resolve, reject);
    });
    sent.on("error", reject);
    sent.on("close", () => clearTimeout(timer));
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function readJson(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > answerSizeBytesMax) {
      throw new Error(`an answer of more than ${answerSizeBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return { statusCode: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString()) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
