import fc from "fast-check";
import { expect, it } from "vitest";
import { matches, parseSharedFilter } from "../../../src/mqtt/topic.ts";
import { Router } from "../../../src/routing/router.ts";
import type { Subscription } from "../../../src/session/session-api.ts";
import { subscription, TestTarget } from "../../support/routing-model.ts";

const self = "0".repeat(32);
const nodeIds = ["1".repeat(32), "2".repeat(32)];
const clientIds = ["a", "b", "c"];
/** Its session is stored. */
const storedId = "c";

/** So few that subscriptions overlap all the time; matching itself is the trie's test. */
const anyTopic = fc.constantFrom("a", "a/b", "b/b", "$x/b");
const anyFilter = fc.constantFrom("#", "+", "a/#", "a/+", "+/b", "a/b", "a", "$x/+", "$x/b");

const anySubscription = fc
  .record({
    filter: fc.oneof(
      anyFilter,
      anyFilter.map((filter) => `$share/g/${filter}`),
    ),
    qos: fc.constantFrom<(0 | 1 | 2)[]>(0, 1, 2),
    noLocal: fc.boolean(),
    retainAsPublished: fc.boolean(),
    identifier: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ filter, ...fields }) => subscription(filter, fields));

const anyStep = fc.oneof(
  fc.record({
    kind: fc.constant("subscribe" as const),
    client: fc.nat(2),
    subscription: anySubscription,
  }),
  fc.record({
    kind: fc.constant("unsubscribe" as const),
    client: fc.nat(2),
    subscription: anySubscription,
  }),
  fc.record({
    kind: fc.constant("remote" as const),
    node: fc.nat(1),
    key: anySubscription.map(({ filter }) => filter),
    weight: fc.nat(2),
  }),
  fc.record({ kind: fc.constant("clear" as const), node: fc.nat(1) }),
  fc.record({
    kind: fc.constant("route" as const),
    topic: anyTopic,
    publisherId: fc.constantFrom(...clientIds, ""),
    retain: fc.boolean(),
    isLogged: fc.boolean(),
  }),
);

/** The rules of MQTT written down without any index. */
class Model {
  readonly locals = new Map<string, Map<string, Subscription>>(
    clientIds.map((id) => [id, new Map()]),
  );
  readonly remotes = new Map<string, Map<string, number>>(nodeIds.map((id) => [id, new Map()]));

  /** A shared filter is wanted by so many members, an ordinary one not at all, whatever comes, or only what the log does not bring. */
  weightHere(filter: string): number {
    const holders = [...this.locals].filter(([, held]) => held.has(filter));
    if (parseSharedFilter(filter) !== null || holders.length === 0) return holders.length;
    const isLogged = ([id, held]: (typeof holders)[0]): boolean =>
      id === storedId && held.get(filter)!.qos > 0;
    return holders.every(isLogged) ? 2 : 1;
  }

  ordinary(topic: string, publisherId: string, retain: boolean): Map<string, unknown> {
    const expected = new Map<string, unknown>();
    for (const [clientId, held] of this.locals) {
      const matching = [...held.values()].filter(
        ({ filter, noLocal }) =>
          parseSharedFilter(filter) === null &&
          matches(filter, topic) &&
          !(noLocal && clientId === publisherId),
      );
      if (matching.length > 0) {
        expected.set(clientId, {
          qos: Math.max(...matching.map(({ qos }) => qos)),
          retain: retain && matching.some(({ retainAsPublished }) => retainAsPublished),
          identifiers: matching
            .map(({ identifier }) => identifier)
            .filter((id) => id > 0)
            .sort(),
        });
      }
    }
    return expected;
  }

  plainNodes(topic: string, isLogged: boolean): string[] {
    return nodeIds.filter((nodeId) =>
      [...this.remotes.get(nodeId)!].some(
        ([key, weight]) =>
          parseSharedFilter(key) === null && matches(key, topic) && !(isLogged && weight === 2),
      ),
    );
  }

  /** Key of each matching group -> who may be chosen. */
  groups(topic: string): Map<string, Set<string>> {
    const groups = new Map<string, Set<string>>();
    const add = (key: string, name: string): void => {
      const shared = parseSharedFilter(key);
      if (shared !== null && matches(shared.filter, topic)) {
        groups.set(key, (groups.get(key) ?? new Set()).add(name));
      }
    };
    for (const [clientId, held] of this.locals) {
      for (const key of held.keys()) add(key, clientId);
    }
    for (const [nodeId, keys] of this.remotes) {
      for (const key of keys.keys()) add(key, nodeId);
    }
    return groups;
  }
}

function checkRoute(
  router: Router<TestTarget>,
  model: Model,
  topic: string,
  publisherId: string,
  retain: boolean,
  isLogged: boolean,
): void {
  const isServedByLog = isLogged ? (): boolean => false : undefined;
  const { local, remote } = router.route(topic, publisherId, retain, isServedByLog);
  const ordinary = model.ordinary(topic, publisherId, retain);
  const found = local.slice(0, ordinary.size).map(({ target, options }) => {
    return [target.clientId, { ...options, identifiers: [...options.identifiers].sort() }] as const;
  });
  expect(new Map(found)).toEqual(ordinary);
  expect(found).toHaveLength(ordinary.size);

  const plain = remote.filter(({ isPlain }) => isPlain).map(({ nodeId }) => nodeId);
  expect(plain.sort()).toEqual(model.plainNodes(topic, isLogged));
  expect(new Set(remote.map(({ nodeId }) => nodeId)).size).toBe(remote.length);

  const groups = model.groups(topic);
  const sharedLocals = local.slice(ordinary.size).map(({ target }) => target.clientId);
  const sharedRemotes = remote.flatMap(({ nodeId, shares }) => shares.map((key) => [key, nodeId]));
  expect(sharedLocals.length + sharedRemotes.length).toBe(groups.size);
  for (const [key, nodeId] of sharedRemotes) {
    expect(groups.get(key!)?.has(nodeId!)).toBe(true);
    groups.delete(key!);
  }
  const candidates = [...groups.values()];
  for (const clientId of sharedLocals) {
    expect(candidates.some((names) => names.has(clientId))).toBe(true);
  }
}

type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;
type LocalStep = Extract<Step, { client: number }>;

/** The router and the model side by side. */
class Comparison {
  readonly router: Router<TestTarget>;
  readonly model = new Model();
  readonly targets = clientIds.map((id) => new TestTarget(id, id === storedId));

  constructor(cacheCostMax: number) {
    this.router = new Router(self, { cacheCostMax });
  }

  run(step: Step): void {
    switch (step.kind) {
      case "route":
        checkRoute(
          this.router,
          this.model,
          step.topic,
          step.publisherId,
          step.retain,
          step.isLogged,
        );
        break;
      case "remote": {
        const nodeId = nodeIds[step.node]!;
        this.router.setRemoteInterest(nodeId, step.key, step.weight);
        const keys = this.model.remotes.get(nodeId)!;
        if (step.weight > 0) keys.set(step.key, step.weight);
        else keys.delete(step.key);
        break;
      }
      case "clear":
        this.router.clearRemoteInterest(nodeIds[step.node]!);
        this.model.remotes.get(nodeIds[step.node]!)!.clear();
        break;
      default:
        this.#runLocal(step);
    }
  }

  #runLocal(step: LocalStep): void {
    const { filter } = step.subscription;
    const before = this.model.weightHere(filter);
    const held = this.model.locals.get(clientIds[step.client]!)!;
    const target = this.targets[step.client]!;
    let update: unknown;
    if (step.kind === "subscribe") {
      held.set(filter, step.subscription);
      update = this.router.subscribe(target, step.subscription);
    } else {
      held.delete(filter);
      update = this.router.unsubscribe(target, filter);
    }
    const weight = this.model.weightHere(filter);
    expect(update).toEqual(weight === before ? null : { key: filter, weight });
    const filters = [...this.model.locals.values()].flatMap((own) => [...own.keys()]);
    const shared = filters.filter((key) => parseSharedFilter(key) !== null).length;
    expect(this.router.sharedSubscriptionCount).toBe(shared);
    expect(this.router.subscriptionCount).toBe(filters.length - shared);
  }
}

it.each([
  ["with its cache", 200_000],
  ["with a cache that is far too small", 4],
  ["without a cache", 0],
])("the router routes as the rules of MQTT say, %s", (_, cacheCostMax) => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 20, maxLength: 120, size: "max" }), (steps) => {
      const comparison = new Comparison(cacheCostMax);
      for (const step of steps) {
        comparison.run(step);
      }
    }),
    { numRuns: 60 },
  );
});
