import type { JSX } from "preact";
import { now } from "../../live/link.ts";
import { select } from "../../live/navigation.ts";
import { formatAge, formatBytes, formatCount, formatTime } from "../../model/format.ts";
import { previewPayload, viewPayload } from "../../model/payload.ts";
import type { TopicMessage } from "../../model/topic-tree.ts";
import { Facts, Note } from "../../parts/basics.tsx";
import { Icon } from "../../parts/icons.tsx";
import { PublishForm } from "./publish-form.tsx";
import { topicView } from "./topic-store.ts";

export function TopicPanel({ topic }: { readonly topic: string }): JSX.Element {
  const node = topicView.value.tree.get(topic);
  return (
    <aside class="card detail" aria-label={`Topic ${topic}`}>
      <div class="card-head">
        <h2 class="wrap-anywhere">{topic}</h2>
        <button
          type="button"
          class="button button-icon"
          aria-label="Close"
          onClick={() => select(null)}
        >
          <Icon name="close" />
        </button>
      </div>
      <div class="detail-body">
        {node === null || node.last === null ? (
          <Note title="Nothing was seen on this topic yet">
            A message appears here as soon as one is published.
          </Note>
        ) : (
          <>
            <Facts
              rows={[
                ["Last", formatAge(node.last.timeMs, now.value)],
                ["QoS", node.last.qos],
                ["Size", formatBytes(node.last.payload.length)],
                ["Retained", node.isRetained ? "yes" : "no"],
                ["Seen here", formatCount(node.count)],
              ]}
            />
            <Payload message={node.last} />
            <Recent messages={node.recent} />
          </>
        )}
        <section aria-label="Publish">
          <h3>Publish a test message</h3>
          <PublishForm topic={topic} />
        </section>
      </div>
    </aside>
  );
}

function Payload({ message }: { readonly message: TopicMessage }): JSX.Element {
  const view = viewPayload(message.payload);
  return (
    <section aria-label="Payload">
      <h3>
        Payload <span class="quiet">{view.kind}</span>
      </h3>
      {view.kind === "empty" ? (
        <p class="quiet">No bytes.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a long payload is scrolled with the keys, too
        <pre class="code-box" tabIndex={0}>
          {view.text}
        </pre>
      )}
      {view.isCut ? <p class="quiet small">Only the beginning is shown.</p> : null}
    </section>
  );
}

function Recent({ messages }: { readonly messages: readonly TopicMessage[] }): JSX.Element | null {
  if (messages.length < 2) return null;
  const offset = new Date(now.value).getTimezoneOffset();
  return (
    <section aria-label="Last messages">
      <h3>Last messages</h3>
      <ol class="event-list">
        {messages.slice(0, 10).map((message, i) => (
          <li key={messages.length - i}>
            <time>{formatTime(message.timeMs, offset)}</time>
            <span class="cut mono">{previewPayload(message.payload, 80)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
