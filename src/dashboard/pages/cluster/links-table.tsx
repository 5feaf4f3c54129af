import type { JSX } from "preact";
import { links } from "../../live/link.ts";
import type { ClusterLine } from "../../model/api-types.ts";
import { inOrder } from "../../model/cluster-facts.ts";
import { formatBytes } from "../../model/format.ts";
import { linkKey } from "../../model/link-figures.ts";
import { Card, Chip } from "../../parts/basics.tsx";

/** Every pair of nodes once: what the drawing shows, for those who read tables, and for clusters too large to draw. */
export function LinksTable({ status }: { readonly status: ClusterLine }): JSX.Element | null {
  const nodes = inOrder(status.nodes);
  if (nodes.length < 2) return null;
  const pairs = nodes.flatMap((a, i) => nodes.slice(i + 1).map((b) => [a, b] as const));
  return (
    <Card title="Links">
      <div class="table-scroll">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Between</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Round trip
              </th>
              <th scope="col" class="number">
                Traffic
              </th>
            </tr>
          </thead>
          <tbody>
            {pairs.map(([a, b]) => {
              const figures = links.value.get(linkKey(a.nodeId, b.nodeId));
              const trip = figures?.roundTripMs ?? null;
              const rate = figures?.bytesPerSecond ?? null;
              return (
                <tr key={linkKey(a.nodeId, b.nodeId)}>
                  <th scope="row">
                    {a.name} – {b.name}
                  </th>
                  <td>
                    <Chip tone={figures === undefined ? "bad" : "ok"} isPlain>
                      {figures === undefined ? "not linked" : "linked"}
                    </Chip>
                  </td>
                  <td class="number">{trip === null ? "–" : `${trip.toFixed(1)} ms`}</td>
                  <td class="number">{rate === null ? "–" : `${formatBytes(rate)}/s`}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
