import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messageOf, request } from "../../live/http.ts";
import { link, now } from "../../live/link.ts";
import { liveFeed } from "../../live/live-feed.ts";
import { select } from "../../live/navigation.ts";
import type { DeviceLine } from "../../model/api-types.ts";
import { formatAge, wordsOf } from "../../model/format.ts";
import { previewValue } from "../../model/payload.ts";
import { Chip, Loading, Note } from "../../parts/basics.tsx";
import { Icon } from "../../parts/icons.tsx";
import { AttributeHistory } from "./attribute-history.tsx";
import { CommandBox } from "./command-box.tsx";
import { DeleteDevice } from "./delete-device.tsx";

/** One device: its state as it changes, how a figure went, and what it can be told. */
export function DevicePanel({ id }: { readonly id: string }): JSX.Element {
  const { device, error } = useDevice(id);
  return (
    <aside class="card map-panel" aria-label={`Device ${id}`}>
      <div class="card-head">
        <h2 class="wrap-anywhere">{id}</h2>
        {device?.online === undefined ? null : (
          <Chip tone={device.online ? "ok" : "idle"}>{device.online ? "online" : "offline"}</Chip>
        )}
        <button
          type="button"
          class="button button-icon"
          aria-label="Close"
          onClick={() => select(null)}
        >
          <Icon name="close" />
        </button>
      </div>
      {device === null ? (
        error === null ? (
          <Loading what="its state" />
        ) : (
          <Note title="Nothing is known of it">{error}</Note>
        )
      ) : (
        <div class="detail-body">
          <Attributes device={device} />
          <AttributeHistory device={device} />
          <CommandBox id={id} />
          <DeleteDevice id={id} />
        </div>
      )}
    </aside>
  );
}

function Attributes({ device }: { readonly device: DeviceLine }): JSX.Element {
  const entries = Object.entries(device.attributes).sort(([a], [b]) => a.localeCompare(b));
  return (
    <section aria-label="State">
      <table class="table values">
        <tbody>
          {entries.map(([name, { value, timeMs }]) => (
            <tr key={name}>
              <th scope="row">{wordsOf(name)}</th>
              <td class="mono wrap-anywhere">{previewValue(value)}</td>
              <td class="age quiet small">{formatAge(timeMs, now.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Fetched once, then kept new by the live feed. */
function useDevice(id: string): {
  readonly device: DeviceLine | null;
  readonly error: string | null;
} {
  const [device, setDevice] = useState<DeviceLine | null>(null);
  const [error, setError] = useState<string | null>(null);
  const { base, phase } = link.value;
  useEffect(() => {
    const stop = new AbortController();
    request(`/api/v1/devices/${encodeURIComponent(id)}`, { signal: stop.signal }).then(
      (answer) => {
        setDevice(answer as DeviceLine);
        setError(null);
      },
      (failure) => {
        if (!stop.signal.aborted) setError(messageOf(failure));
      },
    );
    return () => stop.abort();
    // Another node, or a new link, is asked anew.
  }, [id, base, phase]);
  useEffect(
    () =>
      liveFeed.want({
        devices: { ids: [id] },
        onMessage: ({ type, changes }) => {
          if (type !== "devices" || !Array.isArray(changes)) return;
          const change = (changes as readonly (DeviceLine & { isDeleted?: boolean })[]).find(
            (changed) => changed.id === id,
          );
          if (change === undefined) return;
          setDevice(change.isDeleted ? null : change);
          setError(change.isDeleted ? "It was deleted, or its last value has expired." : null);
        },
      }),
    [id],
  );
  return { device, error };
}
