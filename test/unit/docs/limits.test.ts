import { describe, expect, test } from "vitest";
import * as links from "../../../cluster/limits.ts";
import * as log from "../../../cluster/log-limits.ts";
import * as peers from "../../../cluster/peer-limits.ts";
import * as raft from "../../../cluster/raft/limits.ts";
import * as access from "../../../src/access/limits.ts";
import { searchLimits } from "../../../src/api/device-search.ts";
import * as api from "../../../src/api/limits.ts";
import { defaultLiveLimits } from "../../../src/api/live/limits.ts";
import * as broker from "../../../src/broker/limits.ts";
import * as listeners from "../../../src/listeners/limits.ts";
import { TOPIC_LEVELS_MAX, TOPIC_SIZE_BYTES_MAX } from "../../../src/mqtt/topic.ts";
import { whereLimits } from "../../../src/query/where.ts";
import { defaultHistoryBounds } from "../../../src/replica/device-history.ts";
import * as replica from "../../../src/replica/limits.ts";
import { valueDepthMax } from "../../../src/replica/state-value.ts";
import { defaultRouterOptions } from "../../../src/routing/router.ts";
import { PACKET_IDS_MAX } from "../../../src/session/link.ts";
import { PENDING_REQUESTS_MAX } from "../../../src/session/requests.ts";
import { readDocument, rowNames, sectionOf, tableRows } from "../../support/documents.ts";
import { limitText } from "../../support/limit-text.ts";

const page = readDocument("docs/limits.md");
const metrics = rowNames(readDocument("docs/metrics.md"));

/** Heading of a section, and what its table lists: numbers, the fields of objects, and theirs behind a dot. */
const groups: readonly (readonly [string, object])[] = [
  ["cluster/limits.ts", links],
  ["cluster/peer-limits.ts", peers],
  ["cluster/log-limits.ts", log],
  ["cluster/raft/limits.ts", raft],
  ["src/broker/limits.ts", broker],
  ["src/listeners/limits.ts", listeners],
  ["src/access/limits.ts", access],
  ["src/replica/limits.ts", { ...replica, valueDepthMax }],
  ["src/replica/device-history.ts", { defaultHistoryBounds }],
  ["src/query", { whereLimits, searchLimits }],
  ["src/session", { TOPIC_LEVELS_MAX, TOPIC_SIZE_BYTES_MAX, PACKET_IDS_MAX, PENDING_REQUESTS_MAX }],
  ["src/routing/router.ts", { defaultRouterOptions }],
  ["src/api/live/limits.ts", { defaultLiveLimits }],
  ["src/api/limits.ts", api],
];

function boundsOf(group: object, depth = 0, prefix = ""): [string, number][] {
  return Object.entries(group).flatMap(([name, value]: [string, unknown]): [string, number][] => {
    if (typeof value === "number") return [[`${prefix}${name}`, value]];
    if (typeof value !== "object" || value === null) return [];
    return boundsOf(value, depth + 1, depth === 0 ? "" : `${prefix}${name}.`);
  });
}

describe("docs/limits.md", () => {
  test.each(groups)("%s: lists every bound with its default, and no other", (heading, group) => {
    const rows = tableRows(sectionOf(page, heading)).map(([name, value]) => [name, value]);
    const expected = boundsOf(group).map(([name, value]) => [
      `\`${name}\``,
      limitText(name, value),
    ]);
    expect(rows.sort()).toEqual(expected.sort());
  });

  test("says what happens at each bound", () => {
    expect(tableRows(page).filter(([, , what = ""]) => what.length < 10)).toEqual([]);
  });

  test("names counters that exist", () => {
    const named = [...page.matchAll(/`(flockmq_\w+)`/g)].map((match) => match[1] ?? "");
    expect(named.length).toBeGreaterThan(25);
    expect(named.filter((name) => !metrics.includes(name))).toEqual([]);
  });
});
