import type { JSX } from "preact";
import { cluster, nodeName } from "../../live/link.ts";
import { statOf, useClusterHistory } from "../../live/rates.ts";
import type { StatsPoint } from "../../model/api-types.ts";
import { totals } from "../../model/cluster-facts.ts";
import { formatBytes, formatCount, formatRate } from "../../model/format.ts";
import { sparkline } from "../../model/history.ts";

const sparkPoints = 60;
const sparkWidth = 200;
const sparkHeight = 30;

/** Rates of the whole cluster; of the node that is talked to while the cluster's are not known. */
export function Tiles(): JSX.Element {
  const { history } = useClusterHistory();
  const points = history?.points.slice(-sparkPoints) ?? [];
  const sums = cluster.value === null ? null : totals(cluster.value);
  const rate = (name: string): number | null =>
    figureOf(points.at(-1), name) ?? statOf(`${name}PerSecond`);
  const scope = points.length > 0 ? "all nodes" : (nodeName.value ?? "this node");
  return (
    <section class="tiles" aria-label={`Figures of ${scope}`}>
      <Tile
        label="Messages in"
        figure={formatRate(rate("messagesIn"))}
        unit="/s"
        values={valuesOf(points, "messagesIn")}
      />
      <Tile
        label="Messages out"
        figure={formatRate(rate("messagesOut"))}
        unit="/s"
        values={valuesOf(points, "messagesOut")}
        isSecond
      />
      <Tile
        label="Bytes in"
        figure={formatBytes(rate("bytesIn"))}
        unit="/s"
        values={valuesOf(points, "bytesIn")}
      />
      <Tile
        label="Bytes out"
        figure={formatBytes(rate("bytesOut"))}
        unit="/s"
        values={valuesOf(points, "bytesOut")}
        isSecond
      />
      <Tile
        label="Connections"
        figure={formatCount(sums?.connections)}
        values={valuesOf(points, "connections")}
      />
      <Tile label="Devices" figure={formatCount(sums?.devices)} values={[]}>
        {`${formatCount(sums?.retained)} retained, ${formatCount(sums?.sessions)} sessions`}
      </Tile>
    </section>
  );
}

function Tile(props: {
  readonly label: string;
  readonly figure: string;
  readonly unit?: string;
  readonly values: readonly number[];
  readonly isSecond?: boolean;
  readonly children?: string;
}): JSX.Element {
  const points = sparkline(props.values, sparkWidth, sparkHeight);
  return (
    <div class="card tile">
      <span class="tile-label">{props.label}</span>
      <span class="tile-figure">
        {props.figure}
        {props.unit === undefined ? null : <span class="tile-unit">{props.unit}</span>}
      </span>
      {props.children === undefined ? (
        <svg
          class={props.isSecond ? "spark spark-2" : "spark"}
          viewBox={`0 0 ${sparkWidth} ${sparkHeight}`}
          preserveAspectRatio="none"
          aria-hidden="true"
        >
          {points === "" ? null : (
            <polygon
              points={`0,${sparkHeight} ${points} ${sparkWidth},${sparkHeight}`}
              fill="currentColor"
              opacity="0.12"
            />
          )}
          <polyline
            points={points}
            fill="none"
            stroke="currentColor"
            stroke-width="1.6"
            vector-effect="non-scaling-stroke"
          />
        </svg>
      ) : (
        <span class="quiet small">{props.children}</span>
      )}
    </div>
  );
}

function figureOf(point: StatsPoint | undefined, name: string): number | null {
  const value = point?.[name];
  return typeof value === "number" ? value : null;
}

function valuesOf(points: readonly StatsPoint[], name: string): readonly number[] {
  return points.map((point) => figureOf(point, name)).filter((value) => value !== null);
}
