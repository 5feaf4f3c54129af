import type { JSX } from "preact";
import { cluster, happenings, now } from "../../live/link.ts";
import { quorumVerdict } from "../../model/cluster-facts.ts";
import { formatTime } from "../../model/format.ts";
import { Card, Chip, Loading, Note } from "../../parts/basics.tsx";
import { Drops } from "./drops.tsx";
import { NodesTable } from "./nodes-table.tsx";
import { Tiles } from "./tiles.tsx";

export function OverviewPage(): JSX.Element {
  return (
    <div class="page">
      <Tiles />
      <div class="columns">
        <div class="stack">
          <NodesTable />
          <Happenings />
        </div>
        <div class="stack">
          <Quorum />
          <Drops />
        </div>
      </div>
    </div>
  );
}

function Quorum(): JSX.Element {
  const status = cluster.value;
  if (status === null) {
    return (
      <Card title="Quorum">
        <Loading what="the cluster's state" />
      </Card>
    );
  }
  const verdict = quorumVerdict(status);
  return (
    <Card
      title="Quorum"
      aside={
        <>
          <Chip tone={verdict.tone}>{verdict.title}</Chip>
          <Chip tone={status.inSync ? "ok" : "warn"}>
            {status.inSync ? "In sync" : "Not in sync"}
          </Chip>
        </>
      }
    >
      <div class="card-body stack">
        <p>
          {verdict.detail}{" "}
          {status.leader === null
            ? "No leader is known."
            : `${status.leader} leads, term ${status.term}.`}
        </p>
        {status.reasons.length === 0 ? null : (
          <ul class="quiet">
            {status.reasons.map((reason) => (
              <li key={reason}>· {reason}</li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  );
}

/** What this page saw happen in the cluster since it was opened. */
function Happenings(): JSX.Element {
  const offset = new Date(now.value).getTimezoneOffset();
  return (
    <Card title="What happened">
      {happenings.value.length === 0 ? (
        <Note title="Nothing since this page was opened">
          Nodes that come, go or take the lead are listed here.
        </Note>
      ) : (
        <ol class="event-list" aria-live="polite">
          {happenings.value.slice(0, 12).map(({ timeMs, text }) => (
            <li key={`${timeMs} ${text}`}>
              <time>{formatTime(timeMs, offset)}</time>
              <span>{text}</span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}
