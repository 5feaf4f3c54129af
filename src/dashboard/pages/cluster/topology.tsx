import type { JSX } from "preact";
import { links, nodeName } from "../../live/link.ts";
import type { ClusterLine, NodeLine } from "../../model/api-types.ts";
import { inOrder, lagOf, ringPlaces, toneOfState } from "../../model/cluster-facts.ts";
import { formatCount } from "../../model/format.ts";
import { linkKey, linkText } from "../../model/link-figures.ts";
import { roleWord } from "../overview/nodes-table.tsx";

/** Of the drawing; on a phone it is narrower, so that its text stays legible. */
const wideWidth = 640;
const narrowWidth = 350;
const narrowBelowPixels = 600;
const height = 340;
const wideBox = 148;
const narrowBox = 116;
const boxHeight = 66;

interface Placed {
  readonly node: NodeLine;
  readonly x: number;
  readonly y: number;
}

/** Every node is linked with every other one; the leader stands on top. */
export function Topology({ status }: { readonly status: ClusterLine }): JSX.Element {
  const isNarrow = window.innerWidth < narrowBelowPixels;
  const width = isNarrow ? narrowWidth : wideWidth;
  const boxWidth = isNarrow ? narrowBox : wideBox;
  const nodes = inOrder(status.nodes);
  const places = ringPlaces(nodes.length);
  const placed = nodes.map((node, i): Placed => {
    const place = places[i] ?? { x: 0.5, y: 0.5 };
    return {
      node,
      x: boxWidth / 2 + 8 + place.x * (width - boxWidth - 16),
      y: boxHeight / 2 + 8 + place.y * (height - boxHeight - 16),
    };
  });
  const summary = nodes.map((node) => `${node.name}: ${roleWord(node)}, ${node.state}`).join("; ");
  return (
    <figure class="card-body">
      <svg
        class="topology"
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`Nodes and links. ${summary}`}
      >
        {pairsOf(placed).map(([a, b]) => (
          <Link key={`${a.node.nodeId}-${b.node.nodeId}`} a={a} b={b} />
        ))}
        {pairsOf(placed).map(([a, b]) => (
          <LinkLabel
            key={`${a.node.nodeId}-${b.node.nodeId}`}
            a={a}
            b={b}
            share={placed.length > 3 ? 0.42 : 0.5}
            isShort={isNarrow}
          />
        ))}
        {placed.map((place) => (
          <Node key={place.node.nodeId} {...place} status={status} boxWidth={boxWidth} />
        ))}
      </svg>
      <figcaption class="legend">
        <span>Thick border: leader</span>
        <span>Broken border: learner, does not vote</span>
        <span>Broken line: an end is not up</span>
      </figcaption>
    </figure>
  );
}

function Link({ a, b }: { readonly a: Placed; readonly b: Placed }): JSX.Element {
  const isUp = a.node.state === "up" && b.node.state === "up";
  return <line class={isUp ? "link" : "link link-down"} x1={a.x} y1={a.y} x2={b.x} y2={b.y} />;
}

/** Beside the middle of the link, nearer to its first end where links cross. */
function LinkLabel(props: {
  readonly a: Placed;
  readonly b: Placed;
  readonly share: number;
  /** Only the round trip: the table of links has the rest. */
  readonly isShort: boolean;
}): JSX.Element | null {
  const { a, b, share, isShort } = props;
  const figures = links.value.get(linkKey(a.node.nodeId, b.node.nodeId));
  const shown = isShort && figures !== undefined ? { ...figures, bytesPerSecond: null } : figures;
  const text = shown === undefined ? "" : linkText(shown);
  if (text === "") return null;
  const x = a.x + (b.x - a.x) * share;
  const y = a.y + (b.y - a.y) * share;
  const labelWidth = text.length * 6.2 + 10;
  return (
    <g>
      <rect
        class="label-box"
        x={x - labelWidth / 2}
        y={y - 10}
        width={labelWidth}
        height="18"
        rx="4"
      />
      <text class="link-label" x={x} y={y + 3} text-anchor="middle">
        {text}
      </text>
    </g>
  );
}

function Node(
  props: Placed & { readonly status: ClusterLine; readonly boxWidth: number },
): JSX.Element {
  const { node, x, y, status, boxWidth } = props;
  const lag = lagOf(node, status);
  const kind = node.role === "leader" && node.state !== "down" ? " node-leader" : "";
  const learner = node.voter ? "" : " node-learner";
  const here = node.name === nodeName.value ? " · here" : "";
  const left = x - boxWidth / 2;
  const top = y - boxHeight / 2;
  return (
    <g class={`tone-${toneOfState(node.state)}`} data-node={node.name} data-state={node.state}>
      <rect
        class={`node-box${kind}${learner}`}
        x={left}
        y={top}
        width={boxWidth}
        height={boxHeight}
        rx="8"
      />
      <circle class="node-dot" cx={left + 16} cy={top + 19} r="4.500" />
      <text class="node-name" x={left + 28} y={top + 24}>
        {node.name.length > 12 ? `${node.name.slice(0, 11)}…` : node.name}
        <tspan class="node-quiet">{here}</tspan>
      </text>
      <text x={left + 12} y={top + 42}>
        {roleWord(node)}
        {node.state === "up" ? "" : `, ${node.state}`}
      </text>
      <text class="node-quiet" x={left + 12} y={top + 57}>
        {lag === null ? "no answer" : lag === 0 ? "up to date" : `${formatCount(lag)} behind`}
      </text>
    </g>
  );
}

function pairsOf(placed: readonly Placed[]): readonly (readonly [Placed, Placed])[] {
  return placed.flatMap((a, i) => placed.slice(i + 1).map((b) => [a, b] as const));
}
