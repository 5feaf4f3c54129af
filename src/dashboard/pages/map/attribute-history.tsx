import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useFetched } from "../../live/use-fetched.ts";
import type { DeviceLine } from "../../model/api-types.ts";
import { wordsOf } from "../../model/format.ts";
import { PlotView } from "../../parts/plot.tsx";

const pointsMax = 100;
const refreshMs = 2_000;

interface HistoryAnswer {
  readonly values: readonly { readonly value: unknown; readonly timeMs: number }[];
}

/** How one figure of a device went. */
export function AttributeHistory({ device }: { readonly device: DeviceLine }): JSX.Element | null {
  const names = Object.keys(device.attributes)
    .filter((name) => typeof device.attributes[name]?.value === "number")
    .sort();
  const [chosen, setChosen] = useState<string | null>(null);
  const name = chosen ?? names[0] ?? null;
  const path =
    name === null
      ? null
      : `/api/v1/devices/${encodeURIComponent(device.id)}/history?attribute=${encodeURIComponent(name)}&limit=${pointsMax}`;
  const { data, error } = useFetched(path, refreshMs);
  if (name === null) return null;
  const values = ((data as HistoryAnswer | null)?.values ?? []).filter(
    ({ value }) => typeof value === "number",
  );
  return (
    <section aria-label="History">
      <label class="check">
        <h3>History</h3>
        <select
          class="input"
          value={name}
          aria-label="Attribute"
          onChange={(event) => setChosen(event.currentTarget.value)}
        >
          {names.map((each) => (
            <option key={each} value={each}>
              {wordsOf(each)}
            </option>
          ))}
        </select>
      </label>
      {error !== null ? (
        <p class="quiet">{error}</p>
      ) : values.length < 2 ? (
        <p class="quiet">It has not changed often enough for a line.</p>
      ) : (
        <PlotView
          key={name}
          label={wordsOf(name)}
          unit="value"
          series={[wordsOf(name)]}
          columns={[
            values.map(({ timeMs }) => timeMs / 1000),
            values.map(({ value }) => value as number),
          ]}
          height={150}
          isClose
        />
      )}
    </section>
  );
}
