/**
 * How fast the router answers, without network or sessions. Prints one JSON object: matches per second for each kind of topic, and
 * bytes of heap per filter (run with --expose-gc for a steady figure).
 *
 *     node scripts/bench/routing.ts [FILTERS]
 */
import { Router } from "../../src/routing/router.ts";
import type { LocalTarget } from "../../src/routing/routing-api.ts";
import type { Subscription } from "../../src/session/session-api.ts";

const filterCount = Number(process.argv[2] ?? 100_000);
const roundMs = 1_000;
const self = "0".repeat(32);
const other = "1".repeat(32);

function subscriptionTo(filter: string): Subscription {
  return {
    filter,
    qos: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: 0,
  };
}

function createTarget(clientId: string): LocalTarget {
  return { clientId, isAvailable: true, isStored: false };
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Topics per second, going round `topics` until the time is over. */
function topicsPerSecond(router: Router<LocalTarget>, topics: readonly string[]): number {
  const run = (durationMs: number): number => {
    const startMs = performance.now();
    let routed = 0;
    let delivered = 0;
    while (performance.now() - startMs < durationMs) {
      for (let step = 0; step < 1_000; step++) {
        delivered += router.route(topics[routed++ % topics.length]!, "publisher", false).local
          .length;
      }
    }
    if (delivered < 0) {
      throw new Error("unreachable: keeps the loop from being optimized away");
    }
    return Math.round((routed / (performance.now() - startMs)) * 1_000);
  };
  run(roundMs / 4);
  return run(roundMs);
}

function fill(router: Router<LocalTarget>, filterOf: (index: number) => string): number {
  const before = heapBytes();
  for (let index = 0; index < filterCount; index++) {
    router.subscribe(createTarget(`client-${index}`), subscriptionTo(filterOf(index)));
  }
  return Math.round((heapBytes() - before) / filterCount);
}

function topicsOf(count: number, topicOf: (index: number) => string): readonly string[] {
  return Array.from({ length: count }, (_, index) => topicOf(index));
}

const exactFilter = (index: number): string => `sensors/robot-${index}/coordinates`;
const openFilter = (index: number): string => `sensors/robot-${index}/+`;

const exact = new Router<LocalTarget>(self);
const exactBytes = fill(exact, exactFilter);
const open = new Router<LocalTarget>(self);
const openBytes = fill(open, openFilter);
const uncached = new Router<LocalTarget>(self, { cacheCostMax: 0 });
fill(uncached, (index) => (index % 2 === 0 ? exactFilter(index) : openFilter(index)));
const shared = new Router<LocalTarget>(self);
for (let index = 0; index < 10; index++) {
  shared.subscribe(createTarget(`worker-${index}`), subscriptionTo("$share/workers/sensors/#"));
}
shared.setRemoteInterest(other, "$share/workers/sensors/#", 10);

const result = {
  benchmark: "routing",
  filters: filterCount,
  topicsPerSecond: {
    exactOneHotTopic: topicsPerSecond(exact, [exactFilter(1)]),
    exactThousandTopics: topicsPerSecond(exact, topicsOf(1_000, exactFilter)),
    exactAllTopics: topicsPerSecond(exact, topicsOf(filterCount, exactFilter)),
    wildcardThousandTopics: topicsPerSecond(open, topicsOf(1_000, exactFilter)),
    wildcardAllTopics: topicsPerSecond(open, topicsOf(filterCount, exactFilter)),
    uncachedAllTopics: topicsPerSecond(uncached, topicsOf(filterCount, exactFilter)),
    nobodyListens: topicsPerSecond(
      exact,
      topicsOf(1_000, (index) => `logs/${index}`),
    ),
    sharedTwentyMembersTwoNodes: topicsPerSecond(shared, topicsOf(1_000, exactFilter)),
  },
  heapBytesPerFilter: { exact: exactBytes, wildcard: openBytes },
};
console.log(JSON.stringify(result, null, 2));
