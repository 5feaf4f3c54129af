import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { messageOf, request } from "../../live/http.ts";
import type { Tone } from "../../model/cluster-facts.ts";
import { plural } from "../../model/format.ts";
import { topicProblem } from "../../model/topic-tree.ts";
import { Outcome } from "../../parts/basics.tsx";

interface Message {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
}

export function PublishForm(props: { readonly topic: string }): JSX.Element {
  const [message, setMessage] = useState<Message>({
    topic: props.topic,
    payload: "",
    qos: 1,
    retain: false,
  });
  const [outcome, setOutcome] = useState<{ tone: Tone; text: string } | null>(null);
  const change = (changes: Partial<Message>): void => setMessage({ ...message, ...changes });
  const problem = message.topic === "" ? null : topicProblem(message.topic);
  const send = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setOutcome(await publish(message));
  };
  return (
    <form class="form" onSubmit={(event) => void send(event)}>
      <label class="field">
        Topic
        <input
          class="input mono"
          required
          spellcheck={false}
          autocapitalize="off"
          value={message.topic}
          aria-invalid={problem !== null}
          onInput={(event) => change({ topic: event.currentTarget.value })}
        />
      </label>
      {problem === null ? null : <span class="small tone-bad chip">{problem}</span>}
      <label class="field">
        Payload
        <textarea
          class="input"
          rows={3}
          spellcheck={false}
          value={message.payload}
          onInput={(event) => change({ payload: event.currentTarget.value })}
        />
      </label>
      <div class="form-row">
        <label class="check">
          <span class="quiet">QoS</span>
          <select
            class="input"
            value={message.qos}
            onChange={(event) => change({ qos: Number(event.currentTarget.value) })}
          >
            <option value={0}>0</option>
            <option value={1}>1</option>
            <option value={2}>2</option>
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={message.retain}
            onChange={(event) => change({ retain: event.currentTarget.checked })}
          />
          Retain
        </label>
        <button
          type="submit"
          class="button button-primary"
          disabled={topicProblem(message.topic) !== null}
        >
          Publish
        </button>
      </div>
      {outcome === null ? null : <Outcome tone={outcome.tone}>{outcome.text}</Outcome>}
    </form>
  );
}

async function publish(message: Message): Promise<{ tone: Tone; text: string }> {
  try {
    const answer = await request("/api/v1/publish", { method: "POST", body: message });
    const { matched } = (answer ?? {}) as { matched?: number };
    const reached = matched === undefined ? "" : ` It matched ${plural(matched, "subscriber")}.`;
    return { tone: "ok", text: `Published.${reached}` };
  } catch (error) {
    return { tone: "bad", text: messageOf(error) };
  }
}
