import type { JSX } from "preact";
import { cluster } from "../../live/link.ts";
import { quorumVerdict } from "../../model/cluster-facts.ts";
import { Card, Chip, Loading } from "../../parts/basics.tsx";
import { LinksTable } from "./links-table.tsx";
import { MembersTable } from "./members-table.tsx";
import { SafeToStop } from "./safe-to-stop.tsx";
import { Topology } from "./topology.tsx";
import { Upkeep } from "./upkeep.tsx";

export function ClusterPage(): JSX.Element {
  const status = cluster.value;
  if (status === null) {
    return (
      <div class="page">
        <Card title="Topology">
          <Loading what="the cluster's state" />
        </Card>
      </div>
    );
  }
  const verdict = quorumVerdict(status);
  return (
    <div class="page">
      <div class="columns">
        <Card
          title="Topology"
          aside={
            <>
              <Chip tone={verdict.tone}>{verdict.title}</Chip>
              <Chip tone={status.inSync ? "ok" : "warn"}>
                {status.inSync ? "In sync" : "Not in sync"}
              </Chip>
              <span class="quiet">term {status.term}</span>
            </>
          }
        >
          <Topology status={status} />
        </Card>
        <div class="stack">
          <Card title="State">
            <div class="card-body stack">
              <p aria-live="polite">{verdict.detail}</p>
              {status.reasons.length === 0 ? (
                <p class="quiet">All nodes hold the same content and the same routes.</p>
              ) : (
                <ul class="quiet" aria-label="Why it is not in sync">
                  {status.reasons.map((reason) => (
                    <li key={reason}>· {reason}</li>
                  ))}
                </ul>
              )}
            </div>
          </Card>
          <Upkeep status={status} />
          <SafeToStop status={status} />
          <LinksTable status={status} />
        </div>
      </div>
      <MembersTable status={status} />
    </div>
  );
}
