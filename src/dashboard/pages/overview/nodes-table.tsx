import type { JSX } from "preact";
import { cluster, nodeName } from "../../live/link.ts";
import type { ClusterLine, NodeLine } from "../../model/api-types.ts";
import { inOrder, lagOf, toneOfState } from "../../model/cluster-facts.ts";
import { formatCount, formatDuration } from "../../model/format.ts";
import { Card, Chip, Loading } from "../../parts/basics.tsx";

export function NodesTable(): JSX.Element {
  const status = cluster.value;
  if (status === null) {
    return (
      <Card title="Nodes">
        <Loading what="the nodes" />
      </Card>
    );
  }
  const up = status.nodes.filter(({ state }) => state === "up").length;
  return (
    <Card
      title="Nodes"
      aside={
        <span class="quiet">
          {up} of {status.nodes.length} up
        </span>
      }
    >
      <div class="table-scroll">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">State</th>
              <th scope="col">Role</th>
              <th scope="col" class="number">
                Connections
              </th>
              <th scope="col" class="number only-wide">
                Behind
              </th>
              <th scope="col" class="number only-wide">
                Up for
              </th>
            </tr>
          </thead>
          <tbody>
            {inOrder(status.nodes).map((node) => (
              <Row key={node.nodeId} node={node} status={status} />
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Row({ node, status }: { readonly node: NodeLine; readonly status: ClusterLine }) {
  const lag = lagOf(node, status);
  const isKnown = node.version !== "";
  return (
    <tr>
      <th scope="row">
        {node.name}
        {node.name === nodeName.value ? <span class="quiet"> (here)</span> : null}
      </th>
      <td>
        <Chip tone={toneOfState(node.state)} isPlain>
          {node.state}
        </Chip>
      </td>
      <td>{roleWord(node)}</td>
      <td class="number">{isKnown ? formatCount(node.connections) : "–"}</td>
      <td class="number only-wide">{formatCount(lag)}</td>
      <td class="number only-wide">{isKnown ? formatDuration(node.uptimeSeconds) : "–"}</td>
    </tr>
  );
}

export function roleWord(node: NodeLine): string {
  if (node.state === "down") return node.voter ? "voter" : "learner";
  if (node.role === "follower") return "follower";
  return node.role;
}
