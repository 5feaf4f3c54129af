import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { messageOf, request } from "../../live/http.ts";
import { useFetched } from "../../live/use-fetched.ts";
import type { Tone } from "../../model/cluster-facts.ts";
import { commandNames, deliveryOf } from "../../model/commands.ts";
import { Outcome } from "../../parts/basics.tsx";

export function CommandBox({ id }: { readonly id: string }): JSX.Element {
  const [text, setText] = useState("");
  const [outcome, setOutcome] = useState<{ readonly tone: Tone; readonly text: string } | null>(
    null,
  );
  const names = commandNames(useFetched("/api/v1/commands").data);
  const send = async (command: string): Promise<void> => {
    setOutcome({ tone: "idle", text: `Sending ${command}…` });
    try {
      const path = `/api/commands/${encodeURIComponent(id)}`;
      setOutcome(deliveryOf(command, await request(path, { method: "POST", body: { command } })));
    } catch (error) {
      setOutcome({ tone: "bad", text: messageOf(error) });
    }
  };
  return (
    <section aria-label="Commands">
      <h3>Send a command</h3>
      <div class="command-list">
        {names.map((name) => (
          <button key={name} type="button" class="button" onClick={() => void send(name)}>
            {name}
          </button>
        ))}
      </div>
      <form
        class="command-row"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== "") void send(text);
        }}
      >
        <input
          class="input mono"
          aria-label="Another command"
          placeholder="another command"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="button button-primary" disabled={text.trim() === ""}>
          Send
        </button>
      </form>
      {outcome === null ? null : <Outcome tone={outcome.tone}>{outcome.text}</Outcome>}
    </section>
  );
}
