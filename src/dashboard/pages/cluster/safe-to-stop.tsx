import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { messageOf, request } from "../../live/http.ts";
import type { ClusterLine } from "../../model/api-types.ts";
import { inOrder, type Tone } from "../../model/cluster-facts.ts";
import { Card, Outcome } from "../../parts/basics.tsx";

interface Answer {
  readonly tone: Tone;
  readonly text: string;
}

/** Two nodes may each be safe to stop and not both, so the question is about those that are chosen, together. */
export function SafeToStop({ status }: { readonly status: ClusterLine }): JSX.Element {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [answer, setAnswer] = useState<Answer | null>(null);
  const names = inOrder(status.nodes).map(({ name }) => name);
  const wanted = names.filter((name) => chosen.has(name));
  const toggle = (name: string): void => {
    const next = new Set(chosen);
    if (!next.delete(name)) next.add(name);
    setChosen(next);
    setAnswer(null);
  };
  return (
    <Card title="Safe to stop?">
      <div class="card-body form">
        <p class="quiet">Choose the nodes that you mean to stop at the same time.</p>
        <fieldset class="group form-row" aria-label="Nodes to stop">
          {names.map((name) => (
            <label key={name} class="check">
              <input type="checkbox" checked={chosen.has(name)} onChange={() => toggle(name)} />
              {name}
            </label>
          ))}
          <button
            type="button"
            class="button"
            disabled={wanted.length === 0}
            onClick={() => void ask(wanted).then(setAnswer)}
          >
            Check
          </button>
        </fieldset>
        {answer === null ? null : <Outcome tone={answer.tone}>{answer.text}</Outcome>}
      </div>
    </Card>
  );
}

async function ask(names: readonly string[]): Promise<Answer> {
  const who = names.join(", ");
  try {
    const path = `/api/v1/cluster/safe-to-stop/${names.map(encodeURIComponent).join(",")}`;
    const answer = (await request(path)) as { isSafe: boolean; reasons: readonly string[] };
    return answer.isSafe
      ? { tone: "ok", text: `Safe: the cluster keeps its quorum without ${who}.` }
      : { tone: "bad", text: `Not safe: ${answer.reasons.join("; ")}.` };
  } catch (error) {
    return { tone: "warn", text: messageOf(error) };
  }
}
