import type { JSX } from "preact";
import { nodeName } from "../../live/link.ts";
import type { ClusterLine, NodeLine } from "../../model/api-types.ts";
import { digestVerdict, inOrder, lagOf, toneOfState } from "../../model/cluster-facts.ts";
import { formatCount, formatDuration, formatExact, shortDigest } from "../../model/format.ts";
import { Card, Chip } from "../../parts/basics.tsx";
import { roleWord } from "../overview/nodes-table.tsx";

const columns = [
  "Node",
  "State",
  "Role",
  "Behind",
  "Applied",
  "Content digest",
  "Routes",
  "Connections",
  "Sessions",
  "Up for",
  "Version",
] as const;

const numeric: ReadonlySet<string> = new Set([
  "Behind",
  "Applied",
  "Connections",
  "Sessions",
  "Up for",
]);

export function MembersTable({ status }: { readonly status: ClusterLine }): JSX.Element {
  return (
    <Card title="Members" aside={<span class="quiet mono">{status.clusterId}</span>}>
      <div class="table-scroll">
        <table class="table">
          <thead>
            <tr>
              {columns.map((name) => (
                <th key={name} scope="col" class={numeric.has(name) ? "number" : ""}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {inOrder(status.nodes).map((node) => (
              <Member key={node.nodeId} node={node} status={status} />
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Member(props: { readonly node: NodeLine; readonly status: ClusterLine }): JSX.Element {
  const { node, status } = props;
  const isKnown = node.version !== "";
  const figure = (value: number): string => (isKnown ? formatCount(value) : "–");
  return (
    <tr data-member={node.name}>
      <th scope="row" title={node.nodeId}>
        {node.name}
        {node.name === nodeName.value ? <span class="quiet"> (here)</span> : null}
        {node.zone === undefined ? null : <span class="quiet"> {node.zone}</span>}
      </th>
      <td>
        <Chip tone={toneOfState(node.state)} isPlain>
          {node.state}
        </Chip>
      </td>
      <td>{node.voter ? roleWord(node) : "learner, no vote"}</td>
      <td class="number">{formatCount(lagOf(node, status))}</td>
      <td class="number">{isKnown ? formatExact(node.appliedIndex) : "–"}</td>
      <td>
        <Digest node={node} status={status} />
      </td>
      <td class="mono" title={node.routesDigest}>
        {shortDigest(node.routesDigest)} <span class="quiet">({figure(node.routesCount)})</span>
      </td>
      <td class="number">{figure(node.connections)}</td>
      <td class="number">{figure(node.sessions)}</td>
      <td class="number">{isKnown ? formatDuration(node.uptimeSeconds) : "–"}</td>
      <td>{isKnown ? node.version : "–"}</td>
    </tr>
  );
}

function Digest(props: { readonly node: NodeLine; readonly status: ClusterLine }): JSX.Element {
  const { node, status } = props;
  const verdict = digestVerdict(node, status);
  const title = node.digest === "" ? "not known" : `${node.digest} at index ${node.digestIndex}`;
  return (
    <span title={title}>
      <span class="mono">{shortDigest(node.digest)}</span>{" "}
      {verdict === "unknown" ? null : (
        <Chip tone={verdict === "same" ? "ok" : "bad"} isPlain>
          {verdict}
        </Chip>
      )}
    </span>
  );
}
