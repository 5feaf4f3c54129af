import type { DelayedNode } from "./delay-relays.ts";
import type { Flock, Place } from "./flock.ts";
import { type Harm, last, minority, type Nemesis, namesOf, shuffled } from "./harm.ts";
import { linkQualities } from "./link-quality.ts";

const needsNamespaces = ({ network }: Flock): string | null =>
  network === null ? "needs root, iproute2 and network namespaces" : null;

/** Loses what goes from any of `from` to any of `to`, for a while. */
async function lose(
  harm: Harm,
  links: readonly (readonly [from: readonly Place[], to: readonly Place[]])[],
): Promise<string> {
  const { network } = harm.flock;
  const pairs = links.flatMap(([from, to]) =>
    from.flatMap((a) => to.map((b) => [a.index, b.index] as const)),
  );
  network?.lose(pairs);
  try {
    return await last(harm, 3000, 12_000);
  } finally {
    network?.heal();
  }
}

function othersThan({ flock }: Harm, some: readonly Place[]): readonly Place[] {
  return flock.places.filter((place) => !some.includes(place));
}

/** Harm to links. Clients reach every node all the time, those that are cut off too. */
export const networkNemeses: readonly Nemesis[] = [
  {
    name: "partition, the leader with the majority",
    obstacle: needsNamespaces,
    run: async (harm) => {
      const leader = await harm.flock.leader(10_000);
      const count = Math.floor((harm.flock.places.length - 1) / 2);
      const some = shuffled(othersThan(harm, [leader]), harm.random).slice(0, count);
      const others = othersThan(harm, some);
      const links = [[some, others] as const, [others, some] as const];
      return `${namesOf(some)}, ${await lose(harm, links)}`;
    },
  },
  {
    name: "partition, the leader with the minority",
    obstacle: needsNamespaces,
    run: async (harm) => {
      const some = minority(harm, await harm.flock.leader(10_000));
      const others = othersThan(harm, some);
      const links = [[some, others] as const, [others, some] as const];
      return `${namesOf(some)}, ${await lose(harm, links)}`;
    },
  },
  {
    name: "leader isolated",
    obstacle: needsNamespaces,
    run: async (harm) => {
      const leader = [await harm.flock.leader(10_000)];
      const others = othersThan(harm, leader);
      const links = [[leader, others] as const, [others, leader] as const];
      return `${namesOf(leader)}, ${await lose(harm, links)}`;
    },
  },
  {
    name: "one-way: the leader is not heard",
    obstacle: needsNamespaces,
    run: async (harm) => {
      const leader = [await harm.flock.leader(10_000)];
      return `${namesOf(leader)}, ${await lose(harm, [[leader, othersThan(harm, leader)]])}`;
    },
  },
  {
    name: "one-way: the leader hears nobody",
    obstacle: needsNamespaces,
    run: async (harm) => {
      const leader = [await harm.flock.leader(10_000)];
      return `${namesOf(leader)}, ${await lose(harm, [[othersThan(harm, leader), leader]])}`;
    },
  },
  {
    name: "bridge: two halves that see only one node in common",
    obstacle: needsNamespaces,
    run: async (harm) => {
      const [bridge, ...rest] = shuffled(harm.flock.places, harm.random);
      const one = rest.slice(0, Math.floor(rest.length / 2));
      const two = rest.slice(one.length);
      const time = await lose(harm, [
        [one, two],
        [two, one],
      ]);
      return `${namesOf(one)} | ${bridge?.name} | ${namesOf(two)}, ${time}`;
    },
  },
  ...linkQualities.map(
    (quality): Nemesis => ({
      name: `${quality.name} on every link`,
      obstacle: (flock) => needsNamespaces(flock) ?? quality.problem(delayedNodesOf(flock)),
      run: async (harm) => {
        const { means, restore } = await quality.spoil(delayedNodesOf(harm.flock));
        try {
          return `${means}, ${await last(harm, 5000, 12_000)}`;
        } finally {
          restore();
        }
      },
    }),
  ),
];

function delayedNodesOf({ places, network }: Flock): readonly DelayedNode[] {
  return places.map(({ index, host, ready }) => {
    return { prefix: network?.commandOf(index) ?? [], host, peerPort: ready?.peer ?? 0 };
  });
}
