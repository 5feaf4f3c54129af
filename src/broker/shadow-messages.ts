import type { ShadowDocument, ShadowSection } from "../replica/replica-api.ts";
import { deltaOf } from "../replica/shadow-document.ts";
import { isJsonObject, isStateValue } from "../replica/state-value.ts";

/** The bodies of the shadow topics, in the form of the AWS shadow service; times are seconds since 1970. */

export interface ShadowUpdate {
  readonly desired?: ShadowSection | null;
  readonly reported?: ShadowSection | null;
  readonly version?: number;
  readonly clientToken?: string;
}

/** Why a request was not done; the numbers are those of the AWS shadow service. */
export interface ShadowRejection {
  readonly code: 400 | 403 | 404 | 409 | 413 | 415 | 429 | 500;
  readonly message: string;
}

const bodySizeBytesMax = 128 * 1024;
const tokenLengthMax = 64;
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type Parsed<T> = { readonly value: T } | { readonly rejection: ShadowRejection };

export function parseUpdate(payload: Buffer): Parsed<ShadowUpdate> {
  const body = parseBody(payload);
  if ("rejection" in body) return body;
  const { state, version, clientToken } = body.value;
  if (!isJsonObject(state)) return refused("expected an object `state`");
  for (const name of Object.keys(state)) {
    if (name !== "desired" && name !== "reported") {
      return refused(
        `\`state\` may have desired and reported, not ${JSON.stringify(name.slice(0, 64))}`,
      );
    }
  }
  const { desired, reported } = state;
  if (desired === undefined && reported === undefined) {
    return refused("expected `state.desired` or `state.reported`");
  }
  for (const [name, section] of Object.entries({ desired, reported })) {
    const isSection = section === undefined || section === null || isJsonObject(section);
    if (!isSection) return refused(`expected \`state.${name}\` to be an object or null`);
    if (section !== undefined && !isStateValue(section))
      return refused(`\`state.${name}\` is too deep`);
  }
  if (version !== undefined && !(Number.isSafeInteger(version) && (version as number) >= 0)) {
    return refused("expected `version` to be a whole number");
  }
  return {
    value: {
      ...(desired === undefined ? {} : { desired: desired as ShadowSection | null }),
      ...(reported === undefined ? {} : { reported: reported as ShadowSection | null }),
      ...(version === undefined ? {} : { version: version as number }),
      ...tokenOf(clientToken),
    },
  };
}

/** Of `get` and `delete`: nothing, or an object with a token. */
export function parseQuestion(payload: Buffer): Parsed<{ readonly clientToken?: string }> {
  if (payload.length === 0) return { value: {} };
  const body = parseBody(payload);
  return "rejection" in body ? body : { value: tokenOf(body.value["clientToken"]) };
}

function parseBody(payload: Buffer): Parsed<Readonly<Record<string, unknown>>> {
  if (payload.length > bodySizeBytesMax) {
    return { rejection: { code: 413, message: "the payload is too large" } };
  }
  let text: string;
  try {
    text = strictUtf8.decode(payload);
  } catch {
    return { rejection: { code: 415, message: "expected UTF-8" } };
  }
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? { value } : refused("expected a JSON object");
  } catch {
    return refused("expected JSON");
  }
}

function refused(message: string): { readonly rejection: ShadowRejection } {
  return { rejection: { code: 400, message } };
}

function tokenOf(token: unknown): { readonly clientToken?: string } {
  return typeof token === "string" && token !== "" && token.length <= tokenLengthMax
    ? { clientToken: token }
    : {};
}

interface Stamp {
  readonly version: number;
  readonly timeMs: number;
  readonly clientToken?: string | undefined;
}

/** What was asked, as it is now in force. */
export function acceptedBody(update: ShadowUpdate, stamp: Stamp): object {
  const { desired, reported } = update;
  const state = {
    ...(desired === undefined ? {} : { desired }),
    ...(reported === undefined ? {} : { reported }),
  };
  const metadata = Object.fromEntries(
    Object.entries(state).map(([name, section]) => [name, timesOf(section, () => stamp.timeMs)]),
  );
  return { state, metadata, ...ending(stamp) };
}

/** Null when everything is as desired. */
export function deltaBody(document: ShadowDocument, stamp: Stamp): object | null {
  const state = deltaOf(document.desired, document.reported);
  if (Object.keys(state).length === 0) return null;
  const metadata = timesOf(state, (name) => document.desiredTimesMs[name] ?? stamp.timeMs);
  const { version, timestamp, ...token } = ending(stamp);
  return { version, timestamp, state, metadata, ...token };
}

export function documentsBody(
  previous: ShadowDocument,
  current: ShadowDocument,
  { timeMs, clientToken }: Stamp,
): object {
  const { timestamp, ...token } = ending({ version: 0, timeMs, clientToken });
  const { version: _version, ...rest } = token;
  return { previous: documentOf(previous), current: documentOf(current), timestamp, ...rest };
}

export function getBody(document: ShadowDocument, stamp: Stamp): object {
  const { state, metadata } = documentOf(document);
  const delta = deltaOf(document.desired, document.reported);
  const isOff = Object.keys(delta).length > 0;
  return { state: isOff ? { ...state, delta } : state, metadata, ...ending(stamp) };
}

export function deletedBody(stamp: Stamp): object {
  return ending(stamp);
}

export function rejectedBody(
  { code, message }: ShadowRejection,
  timeMs: number,
  clientToken: string | undefined,
): object {
  return { code, message, ...timeAndToken(timeMs, clientToken) };
}

function documentOf(document: ShadowDocument): {
  readonly state: object;
  readonly metadata: object;
  readonly version: number;
} {
  const { desired, reported, desiredTimesMs, reportedTimesMs, version } = document;
  const state = { ...filled("desired", desired), ...filled("reported", reported) };
  const metadata = {
    ...filled(
      "desired",
      timesOf(desired, (name) => desiredTimesMs[name] ?? 0),
    ),
    ...filled(
      "reported",
      timesOf(reported, (name) => reportedTimesMs[name] ?? 0),
    ),
  };
  return { state, metadata, version };
}

/** A section without fields is left out. */
function filled(name: string, section: object): object {
  return Object.keys(section).length === 0 ? {} : { [name]: section };
}

/** The shape of the section, with the time of each field at its leaves. */
function timesOf(section: ShadowSection | null, timeMsOf: (name: string) => number): object {
  return Object.fromEntries(
    Object.entries(section ?? {}).map(([name, value]) => [name, stamped(value, timeMsOf(name))]),
  );
}

function stamped(value: unknown, timeMs: number): object {
  if (!isJsonObject(value)) return { timestamp: secondsOf(timeMs) };
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, stamped(inner, timeMs)]),
  );
}

function ending({ version, timeMs, clientToken }: Stamp): {
  readonly version: number;
  readonly timestamp: number;
  readonly clientToken?: string;
} {
  return { version, ...timeAndToken(timeMs, clientToken) };
}

function timeAndToken(
  timeMs: number,
  clientToken: string | undefined,
): { readonly timestamp: number; readonly clientToken?: string } {
  return { timestamp: secondsOf(timeMs), ...(clientToken === undefined ? {} : { clientToken }) };
}

function secondsOf(timeMs: number): number {
  return Math.floor(timeMs / 1000);
}
