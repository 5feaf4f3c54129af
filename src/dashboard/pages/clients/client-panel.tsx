import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { messageOf, request } from "../../live/http.ts";
import { now } from "../../live/link.ts";
import { select } from "../../live/navigation.ts";
import { useFetched } from "../../live/use-fetched.ts";
import type { ClientDetail } from "../../model/api-types.ts";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatTime,
} from "../../model/format.ts";
import { previewValue } from "../../model/payload.ts";
import { Chip, Facts, Failed, Loading, Outcome } from "../../parts/basics.tsx";
import { Confirm } from "../../parts/dialog.tsx";
import { Icon } from "../../parts/icons.tsx";

const refreshMs = 3_000;

export function ClientPanel(props: {
  readonly id: string;
  readonly onGone: () => void;
}): JSX.Element {
  const fetched = useFetched(`/api/v1/clients/${encodeURIComponent(props.id)}`, refreshMs);
  const client = fetched.data as ClientDetail | null;
  return (
    <aside class="card detail" aria-label={`Client ${props.id}`}>
      <div class="card-head">
        <h2 class="wrap-anywhere">{props.id}</h2>
        <button
          type="button"
          class="button button-icon"
          aria-label="Close"
          onClick={() => select(null)}
        >
          <Icon name="close" />
        </button>
      </div>
      {client === null ? (
        fetched.error === null ? (
          <Loading what="the client" />
        ) : (
          <Failed what="this client" error={fetched.error} retry={fetched.reload} />
        )
      ) : (
        <div class="detail-body">
          <ClientFacts client={client} />
          <Kick client={client} onDone={props.onGone} />
          <Subscriptions client={client} />
          <Events client={client} />
        </div>
      )}
    </aside>
  );
}

function ClientFacts({ client }: { readonly client: ClientDetail }): JSX.Element {
  const rows: (readonly [string, ComponentChildren])[] = [
    [
      "State",
      <Chip key="state" tone={client.connected ? "ok" : "idle"} isPlain>
        {client.connected ? "connected" : "away"}
      </Chip>,
    ],
    ["Node", client.node ?? "–"],
    ["User", client.username ?? "–"],
    ["Address", client.remoteAddress ?? "–"],
    ["Protocol", protocolWord(client.protocolVersion)],
    ["Keep alive", client.keepAliveSeconds === 0 ? "off" : formatDuration(client.keepAliveSeconds)],
    ["Connected", formatAge(client.connectedAtMs, now.value)],
    [
      "Session",
      client.stored
        ? `stored, expires ${formatDuration(client.sessionExpirySeconds)} after the end`
        : "ends with the connection",
    ],
    ["Queued", `${formatCount(client.queued)} messages, ${formatBytes(client.queuedBytes)}`],
    ["In flight", formatCount(client.inflight)],
  ];
  if (client.will) rows.push(["Will", <code key="will">{previewValue(client.will, 300)}</code>]);
  return <Facts rows={rows} />;
}

function Subscriptions({ client }: { readonly client: ClientDetail }): JSX.Element {
  const list = client.subscriptionsList ?? [];
  return (
    <section aria-label="Subscriptions">
      <h3>Subscriptions</h3>
      {list.length === 0 ? (
        <p class="quiet">It subscribes to nothing.</p>
      ) : (
        <table class="table">
          <tbody>
            {list.map(({ filter, qos }) => (
              <tr key={filter}>
                <td class="mono wrap-anywhere">{filter}</td>
                <td class="number">QoS {qos}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Events({ client }: { readonly client: ClientDetail }): JSX.Element {
  const events = [...(client.events ?? [])].sort((a, b) => b.timeMs - a.timeMs);
  const offset = new Date(now.value).getTimezoneOffset();
  return (
    <section aria-label="Event history">
      <h3>Event history</h3>
      {events.length === 0 ? (
        <p class="quiet">No node remembers an event of this client.</p>
      ) : (
        <ol class="event-list">
          {events.map(({ timeMs, event, detail, node }) => (
            <li key={`${timeMs} ${event} ${String(node)}`}>
              <time title={formatAge(timeMs, now.value)}>{formatTime(timeMs, offset)}</time>
              <span class="wrap-anywhere">
                {event}
                {detail ? <span class="quiet"> {previewValue(detail)}</span> : null}
                {node === undefined ? null : <span class="quiet"> · {node}</span>}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Kick(props: { readonly client: ClientDetail; readonly onDone: () => void }): JSX.Element {
  const { clientId, connected, node } = props.client;
  const [isAsking, setIsAsking] = useState(false);
  const [outcome, setOutcome] = useState<string | null>(null);
  const kick = async (): Promise<void> => {
    setIsAsking(false);
    try {
      await request(`/api/v1/clients/${encodeURIComponent(clientId)}`, { method: "DELETE" });
      setOutcome(`${node ?? "Its node"} has ended its connection.`);
      props.onDone();
    } catch (error) {
      setOutcome(messageOf(error));
    }
  };
  return (
    <section aria-label="Actions">
      <div class="form-row">
        <button
          type="button"
          class="button button-bad"
          disabled={!connected}
          onClick={() => setIsAsking(true)}
        >
          Disconnect…
        </button>
      </div>
      {outcome === null ? null : <Outcome tone="idle">{outcome}</Outcome>}
      {isAsking ? (
        <Confirm
          title="Disconnect this client?"
          action="Disconnect"
          onConfirm={() => void kick()}
          onClose={() => setIsAsking(false)}
        >
          <p class="wrap-anywhere">
            {node ?? "Its node"} ends the connection of <strong>{clientId}</strong>. Most clients
            come back by themselves at once; a stored session stays.
          </p>
        </Confirm>
      ) : null}
    </section>
  );
}

function protocolWord(version: number | null | undefined): string {
  const words: Readonly<Record<number, string>> = { 3: "MQTT 3.1", 4: "MQTT 3.1.1", 5: "MQTT 5" };
  return version === null || version === undefined ? "–" : (words[version] ?? String(version));
}
