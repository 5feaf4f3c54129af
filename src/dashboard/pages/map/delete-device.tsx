import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { messageOf, request } from "../../live/http.ts";
import { Outcome } from "../../parts/basics.tsx";
import { Confirm } from "../../parts/dialog.tsx";

/** The panel itself says that it is done: it hears of it as everybody does. */
export function DeleteDevice({ id }: { readonly id: string }): JSX.Element {
  const [isAsking, setIsAsking] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const remove = async (): Promise<void> => {
    setIsAsking(false);
    try {
      await request(`/api/v1/devices/${encodeURIComponent(id)}`, { method: "DELETE" });
      setFailure(null);
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  return (
    <section aria-label="Deletion">
      <div class="form-row">
        <button type="button" class="button button-bad" onClick={() => setIsAsking(true)}>
          Delete…
        </button>
      </div>
      {failure === null ? null : <Outcome tone="bad">{failure}</Outcome>}
      {isAsking ? (
        <Confirm
          title="Delete this device?"
          action="Delete"
          onConfirm={() => void remove()}
          onClose={() => setIsAsking(false)}
        >
          <p class="wrap-anywhere">
            Everything that the cluster knows of <strong>{id}</strong> goes: its values, their
            history, what it is to be. When it publishes again, it is back.
          </p>
        </Confirm>
      ) : null}
    </section>
  );
}
