import { signal } from "@preact/signals";
import { type LiveMessage, liveFeed } from "../../live/live-feed.ts";
import { fromBase64 } from "../../model/payload.ts";
import { TopicTree } from "../../model/topic-tree.ts";

/** What the topics page has seen. It outlives a change of the page, so that coming back does not begin anew. */
export interface TopicView {
  readonly filter: string;
  readonly tree: TopicTree;
  /** Grows with what is new, at the pace of frames and not of messages. */
  readonly version: number;
  /** Messages that the node did not send, since this viewer was too slow for all. */
  readonly dropped: number;
  /** Retained messages beyond this many were not sent; null when all were. */
  readonly retainedLimit: number | null;
  readonly error: string | null;
}

const encoder = new TextEncoder();
const refreshMs = 250;

export const topicView = signal<TopicView>(emptyView("#"));

/** Follows a filter until the returned function is called. */
export function followTopics(filter: string): () => void {
  if (topicView.value.filter !== filter) topicView.value = emptyView(filter);
  let timer: number | undefined;
  const changed = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      topicView.value = { ...topicView.value, version: topicView.value.version + 1 };
    }, refreshMs);
  };
  const withdraw = liveFeed.want({
    messages: [filter],
    onMessage: (message) => {
      take(message);
      changed();
    },
  });
  return () => {
    clearTimeout(timer);
    withdraw();
  };
}

function take(message: LiveMessage): void {
  const view = topicView.value;
  if (message.type === "message") takeMessage(view.tree, message);
  else if (message.type === "dropped") {
    topicView.value = { ...view, dropped: view.dropped + numberOf(message["count"]) };
  } else if (message.type === "retained-truncated") {
    topicView.value = { ...view, retainedLimit: numberOf(message["limit"]) };
  } else if (message.type === "error") {
    topicView.value = { ...view, error: String(message["detail"] ?? "") };
  } else if (message.type === "subscribed") {
    topicView.value = { ...view, error: null };
  }
}

function takeMessage(tree: TopicTree, message: LiveMessage): void {
  const { topic, payload, payloadBase64, qos, retain, timeMs } = message;
  if (typeof topic !== "string") return;
  const bytes =
    typeof payload === "string"
      ? encoder.encode(payload)
      : typeof payloadBase64 === "string"
        ? fromBase64(payloadBase64)
        : null;
  const sentMs = typeof timeMs === "number" ? timeMs : Date.now();
  const isRetained = retain === true;
  // What was retained long before is told at the beginning, once more after each reconnection.
  const known = tree.get(topic)?.last;
  const isFresh = known === null || known === undefined ? !isRetained : sentMs > known.timeMs;
  tree.take(
    topic,
    { payload: bytes ?? new Uint8Array(), qos: numberOf(qos), isRetained, timeMs: sentMs },
    isFresh || !isRetained,
  );
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function emptyView(filter: string): TopicView {
  return {
    filter,
    tree: new TopicTree(),
    version: 0,
    dropped: 0,
    retainedLimit: null,
    error: null,
  };
}
