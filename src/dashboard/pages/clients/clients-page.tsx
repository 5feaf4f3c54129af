import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { cluster, now } from "../../live/link.ts";
import { place, select } from "../../live/navigation.ts";
import { useFetched } from "../../live/use-fetched.ts";
import type { ClientLine } from "../../model/api-types.ts";
import { inOrder } from "../../model/cluster-facts.ts";
import { formatAge, formatCount } from "../../model/format.ts";
import { Card, Chip, Failed, Loading, Note, SearchField } from "../../parts/basics.tsx";
import { ClientPanel } from "./client-panel.tsx";

const pageSize = 50;
const refreshMs = 5_000;

interface ClientsAnswer {
  readonly clients: readonly ClientLine[];
  readonly next: string | null;
  readonly count?: number;
}

export function ClientsPage(): JSX.Element {
  const [search, setSearch] = useState("");
  const [node, setNode] = useState("");
  /** `after` of each page that was left behind, for the way back. */
  const [trail, setTrail] = useState<readonly string[]>([]);
  const settled = useSettled(search, 200);
  const query = new URLSearchParams({ limit: String(pageSize) });
  if (settled !== "") query.set("search", settled);
  if (node !== "") query.set("node", node);
  const after = trail.at(-1);
  if (after !== undefined) query.set("after", after);
  const fetched = useFetched(`/api/v1/clients?${query}`, refreshMs);
  const answer = fetched.data as ClientsAnswer | null;
  const { selected } = place.value;
  const names = cluster.value === null ? [] : inOrder(cluster.value.nodes).map(({ name }) => name);
  return (
    <div class="page">
      <div class="toolbar">
        <SearchField
          label="Search clients"
          placeholder="Search by a part of the identifier"
          value={search}
          onInput={(value) => {
            setSearch(value);
            setTrail([]);
          }}
        />
        <label class="check">
          <span class="quiet">Node</span>
          <select
            class="input"
            value={node}
            onChange={(event) => {
              setNode(event.currentTarget.value);
              setTrail([]);
            }}
          >
            <option value="">all</option>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      <div class="split" data-open={selected !== null}>
        <Card title="Clients" aside={<Paging answer={answer} trail={trail} onTrail={setTrail} />}>
          <Rows answer={answer} fetched={fetched} isFiltered={settled !== "" || node !== ""} />
        </Card>
        {selected === null ? null : (
          <ClientPanel key={selected} id={selected} onGone={fetched.reload} />
        )}
      </div>
    </div>
  );
}

function Paging(props: {
  readonly answer: ClientsAnswer | null;
  readonly trail: readonly string[];
  readonly onTrail: (trail: readonly string[]) => void;
}): JSX.Element {
  const { answer, trail, onTrail } = props;
  const next = answer?.next ?? null;
  const first = trail.length * pageSize + 1;
  const shown = answer?.clients.length ?? 0;
  return (
    <>
      <span class="quiet">
        {shown === 0 ? "" : `${first}–${first + shown - 1}`}
        {answer?.count === undefined || shown === 0 ? "" : ` of ${formatCount(answer.count)}`}
      </span>
      <button
        type="button"
        class="button"
        disabled={trail.length === 0}
        onClick={() => onTrail(trail.slice(0, -1))}
      >
        Back
      </button>
      <button
        type="button"
        class="button"
        disabled={next === null}
        onClick={() => {
          if (next !== null) onTrail([...trail, next]);
        }}
      >
        Next
      </button>
    </>
  );
}

function Rows(props: {
  readonly answer: ClientsAnswer | null;
  readonly fetched: ReturnType<typeof useFetched>;
  readonly isFiltered: boolean;
}): JSX.Element {
  const { answer, fetched, isFiltered } = props;
  if (answer === null) {
    return fetched.error === null ? (
      <Loading what="the clients" />
    ) : (
      <Failed what="the clients" error={fetched.error} retry={fetched.reload} />
    );
  }
  if (answer.clients.length === 0) {
    return isFiltered ? (
      <Note title="No client matches">Search for a part of the identifier, on all nodes.</Note>
    ) : (
      <Note title="No client is connected">
        Connect one: <code>mosquitto_sub -t '#' -v</code>
      </Note>
    );
  }
  return (
    <div class="table-scroll">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Client</th>
            <th scope="col">State</th>
            <th scope="col">Node</th>
            <th scope="col" class="only-wide only-whole">
              Address
            </th>
            <th scope="col" class="number only-wide">
              Subscriptions
            </th>
            <th scope="col" class="number only-wide only-whole">
              Queued
            </th>
            <th scope="col" class="number only-wide">
              Since
            </th>
          </tr>
        </thead>
        <tbody>
          {answer.clients.map((client) => (
            <Row key={client.clientId} client={client} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ client }: { readonly client: ClientLine }): JSX.Element {
  const isSelected = place.value.selected === client.clientId;
  return (
    <tr
      class="is-link"
      aria-selected={isSelected}
      onClick={() => select(isSelected ? null : client.clientId)}
    >
      <td>
        <button type="button" class="row-button">
          {client.clientId}
        </button>
        {client.username ? <div class="quiet small">{client.username}</div> : null}
      </td>
      <td>
        <Chip tone={client.connected ? "ok" : "idle"} isPlain>
          {client.connected ? "connected" : "away"}
        </Chip>
      </td>
      <td>{client.node ?? "–"}</td>
      <td class="quiet only-wide only-whole">{client.remoteAddress ?? "–"}</td>
      <td class="number only-wide">{formatCount(client.subscriptions)}</td>
      <td class="number only-wide only-whole">{formatCount(client.queued)}</td>
      <td class="age only-wide">{formatAge(client.connectedAtMs, now.value)}</td>
    </tr>
  );
}

/** The value once it has stood still: not every letter is worth a request. */
function useSettled(value: string, waitMs: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), waitMs);
    return () => clearTimeout(timer);
  }, [value, waitMs]);
  return settled;
}
