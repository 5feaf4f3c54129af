import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { link } from "../../live/link.ts";
import { place, select } from "../../live/navigation.ts";
import { formatCount } from "../../model/format.ts";
import { freshnessLevels, freshnessWords } from "../../model/freshness.ts";
import { Note, SearchField } from "../../parts/basics.tsx";
import { Icon } from "../../parts/icons.tsx";
import { DevicePanel } from "./device-panel.tsx";
import { type Census, MapCanvas } from "./map-canvas.ts";

const suggestionsMax = 8;

export function MapPage(): JSX.Element {
  const element = useRef<HTMLCanvasElement>(null);
  const [map, setMap] = useState<MapCanvas | null>(null);
  const [areTrailsShown, setAreTrailsShown] = useState(true);
  const { selected } = place.value;
  useEffect(() => {
    if (element.current === null) return;
    const created = new MapCanvas(element.current, select);
    setMap(created);
    return () => created.stop();
  }, []);
  useEffect(() => map?.select(selected), [map, selected]);
  useEffect(() => map?.setTrails(areTrailsShown), [map, areTrailsShown]);
  const census = map?.census.value ?? null;
  return (
    <div class="map-page">
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it takes keys of its own, which "application" says */}
      <canvas
        class="map-canvas"
        ref={element}
        tabIndex={0}
        role="application"
        aria-label={describe(census)}
        aria-describedby="map-help"
        onKeyDown={(event) => {
          if (event.key === "0") map?.showAll();
        }}
      />
      <p id="map-help" class="visually-hidden">
        Arrow keys move the map, plus and minus zoom, 0 shows all. Use the search to select a robot.
      </p>
      <div class="map-top">
        <Search map={map} />
        <label class="check floating only-wide">
          <input
            type="checkbox"
            checked={areTrailsShown}
            onChange={(event) => setAreTrailsShown(event.currentTarget.checked)}
          />
          Trails
        </label>
      </div>
      {selected === null ? null : <DevicePanel key={selected} id={selected} />}
      <Legend census={census} />
      <ZoomButtons map={map} />
      {census !== null && census.total === 0 && link.value.phase === "live" ? <Empty /> : null}
    </div>
  );
}

function describe(census: Census | null): string {
  if (census === null) return "Map of all robots";
  const parts = freshnessLevels.map(
    (level) => `${census.byFreshness[level]} heard of ${freshnessWords[level]}`,
  );
  return `Map of ${census.total} robots: ${parts.join(", ")}`;
}

function Search({ map }: { readonly map: MapCanvas | null }): JSX.Element {
  const [text, setText] = useState("");
  const found = text === "" || map === null ? [] : map.find(text, suggestionsMax);
  const choose = (id: string | undefined): void => {
    if (id === undefined) return;
    select(id);
    map?.centerOn(id);
    setText("");
  };
  return (
    <div>
      <SearchField
        label="Find a robot"
        value={text}
        onInput={setText}
        onEnter={() => choose(found[0])}
      />
      {text === "" ? null : (
        <ul class="floating" aria-label="Robots found">
          {found.length === 0 ? (
            <li class="quiet">No robot with that name is on the map.</li>
          ) : null}
          {found.map((id) => (
            <li key={id}>
              <button type="button" class="row-button" onClick={() => choose(id)}>
                {id}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Legend({ census }: { readonly census: Census | null }): JSX.Element {
  return (
    <div class="map-legend floating">
      <strong>
        {formatCount(census?.total)} robots <span class="quiet small">last heard of</span>
      </strong>
      <ul>
        {freshnessLevels.map((level) => (
          <li key={level} class="legend-row">
            <span class={`swatch swatch-${level}`} />
            <span class="quiet">{freshnessWords[level]}</span>
            <span class="number">{formatCount(census?.byFreshness[level])}</span>
          </li>
        ))}
      </ul>
      {census !== null && census.refused > 0 ? (
        <span class="quiet">More devices than the map can hold.</span>
      ) : null}
    </div>
  );
}

function ZoomButtons({ map }: { readonly map: MapCanvas | null }): JSX.Element {
  return (
    <fieldset class="group map-zoom floating" aria-label="Zoom">
      <button
        type="button"
        class="button button-icon"
        aria-label="Zoom in"
        onClick={() => map?.zoom(1.5)}
      >
        <Icon name="plus" />
      </button>
      <button
        type="button"
        class="button button-icon"
        aria-label="Zoom out"
        onClick={() => map?.zoom(1 / 1.5)}
      >
        <Icon name="minus" />
      </button>
      <button
        type="button"
        class="button button-icon"
        aria-label="Show all robots"
        title="Show all (0)"
        onClick={() => map?.showAll()}
      >
        <Icon name="fit" />
      </button>
    </fieldset>
  );
}

function Empty(): JSX.Element {
  return (
    <div class="map-note">
      <div class="card">
        <Note title="No device has told where it is">
          Publish a position, and it appears here:
          <br />
          <code>
            mosquitto_pub -t sensors/robot1/coordinates -m '{"{"}"x":12.5,"y":7{"}"}'
          </code>
          <br />
          or start a simulated fleet: <code>npm run fleet</code>
        </Note>
      </div>
    </div>
  );
}
