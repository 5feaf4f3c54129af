import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { nodeName } from "../../live/link.ts";
import { useClusterHistory } from "../../live/rates.ts";
import { columnsOf, plotsOf } from "../../model/history.ts";
import { Card, Failed, Loading, Note } from "../../parts/basics.tsx";
import { PlotView } from "../../parts/plot.tsx";

/** The last hour, kept by the nodes themselves: no Prometheus is needed to see what just happened. */
export function HistoryPage(): JSX.Element {
  const [isWhole, setIsWhole] = useState(true);
  const { history, fetched } = useClusterHistory(isWhole);
  return (
    <div class="page">
      <fieldset class="group toolbar" aria-label="Whose figures">
        <label class="check">
          <input type="radio" name="scope" checked={isWhole} onChange={() => setIsWhole(true)} />
          All nodes
        </label>
        <label class="check">
          <input type="radio" name="scope" checked={!isWhole} onChange={() => setIsWhole(false)} />
          {nodeName.value ?? "This node"} alone
        </label>
        <span class="quiet small">
          The last hour, {history === null ? "" : `a point every ${history.stepMs / 1000} s. `}
          Drag over a plot to look closer, double-click to see all. For longer, scrape{" "}
          <a href="/metrics">/metrics</a>.
        </span>
      </fieldset>
      <Plots history={history} fetched={fetched} />
    </div>
  );
}

function Plots({ history, fetched }: ReturnType<typeof useClusterHistory>): JSX.Element {
  if (history === null) {
    return (
      <Card title="Figures">
        {fetched.error === null ? (
          <Loading what="the last hour" />
        ) : (
          <Failed what="the last hour" error={fetched.error} retry={fetched.reload} />
        )}
      </Card>
    );
  }
  if (history.points.length < 2) {
    return (
      <Card title="Figures">
        <Note title="Not enough points yet">
          The node began only moments ago; a line appears after two points.
        </Note>
      </Card>
    );
  }
  return (
    <div class="plots">
      {plotsOf(history.points).map((plot) => (
        <Card key={plot.key} title={plot.title}>
          <PlotView
            label={plot.title}
            unit={plot.unit}
            series={plot.series.map(({ label }) => label)}
            columns={columnsOf(
              history.points,
              plot.series.map(({ name }) => name),
            )}
          />
        </Card>
      ))}
    </div>
  );
}
