import { always, anyFollower, last, minority, type Nemesis, namesOf } from "./harm.ts";

/** Harm to processes: killed, stopped, restarted. */
export const processNemeses: readonly Nemesis[] = [
  {
    name: "kill -9 of the leader",
    obstacle: always,
    run: async (harm) => {
      const leader = await harm.flock.leader(10_000);
      await harm.flock.kill([leader]);
      const time = await last(harm, 500, 3000);
      await harm.flock.restart(leader);
      return `${leader.name}, ${time}`;
    },
  },
  {
    name: "kill -9 of a minority",
    obstacle: always,
    run: async (harm) => {
      const victims = minority(harm, await harm.flock.leader(10_000));
      await harm.flock.kill(victims);
      const time = await last(harm, 500, 5000);
      await Promise.all(victims.map((place) => harm.flock.restart(place)));
      return `${namesOf(victims)}, ${time}`;
    },
  },
  {
    name: "kill -9 of all at once",
    obstacle: always,
    run: async (harm) => {
      await harm.flock.kill(harm.flock.places);
      await Promise.all(harm.flock.places.map((place) => harm.flock.restart(place)));
      return namesOf(harm.flock.places);
    },
  },
  {
    name: "SIGSTOP of the leader",
    obstacle: always,
    run: async (harm) => {
      const leader = await harm.flock.leader(10_000);
      leader.process.signal("SIGSTOP");
      const time = await last(harm, 1000, 30_000);
      leader.process.signal("SIGCONT");
      return `${leader.name}, ${time}`;
    },
  },
  {
    name: "SIGSTOP of a minority",
    obstacle: always,
    run: async (harm) => {
      const victims = minority(harm, null);
      for (const { process } of victims) process.signal("SIGSTOP");
      const time = await last(harm, 1000, 30_000);
      for (const { process } of victims) process.signal("SIGCONT");
      return `${namesOf(victims)}, ${time}`;
    },
  },
  {
    name: "rolling SIGTERM restart",
    obstacle: always,
    run: async (harm) => {
      for (const place of harm.flock.places) {
        await place.process.stop();
        if (place.process.exitCode !== 0) {
          const log = place.process.log.slice(-12).join("\n");
          throw new Error(`${place.name} ended with ${place.process.exitCode}:\n${log}`);
        }
        await harm.flock.restart(place);
        await harm.flock.whenInSync(harm.syncTimeoutMs);
      }
      return namesOf(harm.flock.places);
    },
  },
  {
    name: "replacement of a node",
    obstacle: always,
    run: async (harm) => {
      const old = await anyFollower(harm);
      const fresh = await harm.flock.replace(old.index);
      await harm.flock.kill([old]);
      await harm.flock.remove(old.name, harm.syncTimeoutMs);
      return `${old.name} by ${fresh.name}`;
    },
  },
];
