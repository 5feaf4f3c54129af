import type { JSX } from "preact";
import { nodeName } from "../../live/link.ts";
import { drops } from "../../live/rates.ts";
import { formatCount, wordsOf } from "../../model/format.ts";
import { Card, Note } from "../../parts/basics.tsx";

/** What was thrown away, and why: a broker that drops in silence cannot be trusted. */
export function Drops(): JSX.Element {
  const happened = drops.value.filter(([, count]) => count > 0);
  const none = drops.value.length - happened.length;
  return (
    <Card
      title="Drops by reason"
      aside={<span class="quiet">{nodeName.value ?? ""} since its start</span>}
    >
      {happened.length === 0 ? (
        <Note title="Nothing was dropped">
          {none > 0 ? `${none} possible reasons are counted; all are at zero.` : ""}
        </Note>
      ) : (
        <table class="table">
          <tbody>
            {happened.map(([reason, count]) => (
              <tr key={reason}>
                <th scope="row">{wordsOf(reason)}</th>
                <td class="number">{formatCount(count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}
