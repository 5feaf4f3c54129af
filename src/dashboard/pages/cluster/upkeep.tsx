import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { messageOf, request } from "../../live/http.ts";
import { useFetched } from "../../live/use-fetched.ts";
import type { ClusterLine, DrainLine, NodeLine } from "../../model/api-types.ts";
import { inOrder, type Tone } from "../../model/cluster-facts.ts";
import { barriersOf, drainVerdict } from "../../model/upkeep.ts";
import { Card, Outcome } from "../../parts/basics.tsx";
import { Confirm } from "../../parts/dialog.tsx";

/** How often a node is asked whether it is drained; somebody else may have begun it. */
const refreshMs = 2_000;

interface Told {
  readonly tone: Tone;
  readonly text: string;
}

/** What is done with a node before it is stopped: its clients go elsewhere, its leadership, too. */
export function Upkeep({ status }: { readonly status: ClusterLine }): JSX.Element {
  const [told, setTold] = useState<Told | null>(null);
  return (
    <Card title="Upkeep">
      <div class="card-body form">
        <p class="quiet">
          Before a node is stopped, drain it: its clients move to the others a few at a time, then
          its leadership.
        </p>
        {inOrder(status.nodes).map((node) => (
          <NodeUpkeep key={node.nodeId} node={node} status={status} tell={setTold} />
        ))}
        {told === null ? null : <Outcome tone={told.tone}>{told.text}</Outcome>}
      </div>
    </Card>
  );
}

function NodeUpkeep(props: {
  readonly node: NodeLine;
  readonly status: ClusterLine;
  readonly tell: (told: Told | null) => void;
}): JSX.Element {
  const { node, status, tell } = props;
  const { name } = node;
  const [asking, setAsking] = useState<"drain" | "lead" | null>(null);
  const path = `/api/v1/cluster/drain/${encodeURIComponent(name)}`;
  const state = useFetched(node.state === "up" ? path : null, refreshMs);
  const drain = state.data as DrainLine | null;
  const verdict = drain === null ? null : drainVerdict(drain);
  const barriers = barriersOf(node, status);
  const act = async (work: () => Promise<Told | null>): Promise<void> => {
    setAsking(null);
    tell(await work().catch((error): Told => ({ tone: "bad", text: messageOf(error) })));
    state.reload();
  };
  return (
    <div class="upkeep" data-upkeep={name}>
      <strong class="wrap-anywhere">{name}</strong>
      <span class="upkeep-actions">
        {verdict === null ? (
          <Action
            word="Drain…"
            barrier={barriers.drain}
            about={name}
            onClick={() => setAsking("drain")}
          />
        ) : (
          <Action
            word="End drain"
            barrier={null}
            about={name}
            onClick={() => void act(() => cancelDrain(name))}
          />
        )}
        <Action
          word="Make leader…"
          barrier={barriers.lead}
          about={name}
          onClick={() => setAsking("lead")}
        />
      </span>
      {verdict === null ? null : <Outcome tone={verdict.tone}>{verdict.text}</Outcome>}
      {asking === "drain" ? (
        <ConfirmDrain
          name={name}
          connections={node.connections}
          onConfirm={() => void act(() => beginDrain(name))}
          onClose={() => setAsking(null)}
        />
      ) : null}
      {asking === "lead" ? (
        <Confirm
          title={`Make ${name} the leader?`}
          action="Make leader"
          isHarmless
          onConfirm={() => void act(() => transfer(name))}
          onClose={() => setAsking(null)}
        >
          <p>
            {status.leader ?? "The leader"} hands over once {name} has the whole log. Writes wait
            for a moment; none is lost.
          </p>
        </Confirm>
      ) : null}
    </div>
  );
}

/** A button that says why it cannot be pressed, also to those who do not see its title. */
function Action(props: {
  readonly word: string;
  readonly about: string;
  readonly barrier: string | null;
  readonly onClick: () => void;
}): JSX.Element {
  const { word, about, barrier, onClick } = props;
  return (
    <button
      type="button"
      class="button"
      disabled={barrier !== null}
      title={barrier ?? undefined}
      aria-label={`${word} ${about}${barrier === null ? "" : `: ${barrier}`}`}
      onClick={onClick}
    >
      {word}
    </button>
  );
}

/** Where the cluster could not do without the node, it is not emptied from here: nobody should be led to stop it. */
function ConfirmDrain(props: {
  readonly name: string;
  readonly connections: number;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}): JSX.Element {
  const { name, connections, onConfirm, onClose } = props;
  const path = `/api/v1/cluster/safe-to-stop/${encodeURIComponent(name)}`;
  const { data, error } = useFetched(path, refreshMs);
  const answer = data as { isSafe: boolean; reasons: readonly string[] } | null;
  return (
    <Confirm
      title={`Drain ${name}?`}
      action="Drain"
      isBarred={answer?.isSafe !== true}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      <p>
        Its {connections} connections are moved to the other nodes, 500 a second at most; clients
        that do not know how to move come back by themselves. New ones are sent elsewhere until the
        drain ends or the node starts anew.
      </p>
      {error !== null ? (
        <Outcome tone="warn">{error}</Outcome>
      ) : answer === null ? (
        <p class="quiet pulse">Asking whether it is safe to stop…</p>
      ) : answer.isSafe ? (
        <Outcome tone="ok">It is safe to stop afterwards.</Outcome>
      ) : (
        <Outcome tone="bad">
          Not now, for it would not be safe to stop: {answer.reasons.join("; ")}.
        </Outcome>
      )}
    </Confirm>
  );
}

/** How it goes stands beside the node. */
async function beginDrain(node: string): Promise<null> {
  await request("/api/v1/cluster/drain", { method: "POST", body: { node } });
  return null;
}

async function cancelDrain(node: string): Promise<Told> {
  await request(`/api/v1/cluster/drain/${encodeURIComponent(node)}`, { method: "DELETE" });
  return { tone: "ok", text: `${node} takes clients again.` };
}

async function transfer(to: string): Promise<Told> {
  const { leader } = (await request("/api/v1/cluster/transfer", {
    method: "POST",
    body: { to },
  })) as { leader: string };
  return { tone: "ok", text: `${leader} leads now.` };
}
