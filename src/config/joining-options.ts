import { option, single } from "./option.ts";
import {
  Expectation,
  parseAddresses,
  parseCount,
  parseListen,
  parseSeconds,
  parseSwitch,
  parseText,
} from "./values.ts";

export interface JoinRequest {
  /** HOST:PORT; empty: look on this machine and on the local network. */
  readonly addresses: readonly string[];
}

function parseJoin(texts: readonly string[]): JoinRequest {
  const named = texts.filter((text) => text !== "");
  return { addresses: named.length === 0 ? [] : parseAddresses(named.join(",")) };
}

function parseVoters(text: string): number {
  const count = parseCount(1, 9)(text);
  if (count % 2 === 0) {
    throw new Expectation("an odd number from 1 to 9");
  }
  return count;
}

const optionalPath = single(parseText(/^.{1,4096}$/s, "a path"));

/** How nodes find each other and become one cluster. */
export const joiningOptions = {
  join: option<JoinRequest | null>({
    flag: "join",
    env: null,
    argument: "[HOST:PORT,...]",
    type: "addresses",
    defaultValue: null,
    defaultText: "not given: the node forms a cluster of its own",
    zero: null,
    help: "join a cluster: at these peer addresses, or, without any, one that is found nearby",
    reason:
      "Without addresses the node looks on this machine, then on the local network, then at FLOCKMQ_JOIN. " +
      "A node that was told to join never forms a cluster of its own.",
    bareText: "",
    isRepeatable: true,
    parse: parseJoin,
  }),
  joinCandidates: option<readonly string[]>({
    flag: null,
    env: "FLOCKMQ_JOIN",
    argument: null,
    type: "addresses",
    defaultValue: [],
    defaultText: "none",
    zero: null,
    help: "peer addresses that a bare --join or --bootstrap-expect also tries",
    reason:
      "Containers know the addresses of their peers and have no multicast. Alone, it does not make a node join.",
    parse: single(parseAddresses),
  }),
  bootstrapExpect: option<number>({
    flag: "bootstrap-expect",
    env: "FLOCKMQ_BOOTSTRAP_EXPECT",
    argument: "N",
    type: "count",
    defaultValue: 0,
    defaultText: "0",
    zero: "off: --join decides",
    help: "wait until N nodes without a cluster know each other, then form one together",
    reason: "Lets all nodes start with the same command line: exactly one of them founds.",
    parse: single(parseCount(0, 64)),
  }),
  name: option<string | null>({
    flag: "name",
    env: "FLOCKMQ_NAME",
    argument: "NAME",
    type: "text",
    defaultValue: null,
    defaultText: "the first of n1, n2, ... that is free in the cluster",
    zero: null,
    help: "name of this node in the cluster",
    reason: "For people; the identity of a node is the key in its data directory.",
    parse: single(
      parseText(
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
        "a letter or digit, then up to 62 of letters, digits, dot, hyphen, underscore",
      ),
    ),
  }),
  clusterSecretFile: option<string | null>({
    flag: "cluster-secret-file",
    env: "FLOCKMQ_CLUSTER_SECRET_FILE",
    argument: "FILE",
    type: "path",
    defaultValue: null,
    defaultText: "cluster.secret in the data root, made at the first start",
    zero: null,
    help: "file with the secret that all nodes of the cluster share",
    reason: "Without the same secret no node joins and no link opens.",
    parse: optionalPath,
  }),
  clusterSecret: option<string | null>({
    flag: null,
    env: "FLOCKMQ_CLUSTER_SECRET",
    argument: null,
    type: "text",
    defaultValue: null,
    defaultText: "not set: the file counts",
    zero: null,
    help: "the cluster secret itself, at least 16 bytes",
    reason: "Only in the environment: command lines show in process lists, files get copied about.",
    parse: single(parseText(/^/, "the secret")),
  }),
  mdns: option<boolean>({
    flag: "mdns",
    env: "FLOCKMQ_MDNS",
    argument: "on|off",
    type: "switch",
    defaultValue: true,
    defaultText: "on",
    zero: null,
    help: "announce this node on the local network and find others there",
    reason:
      "Makes a bare --join work between machines. It tells addresses only; the secret decides.",
    parse: single(parseSwitch),
  }),
  votersMax: option<number>({
    flag: "voters-max",
    env: "FLOCKMQ_VOTERS_MAX",
    argument: "N",
    type: "count",
    defaultValue: 5,
    defaultText: "5",
    zero: null,
    help: "most nodes that vote; the others hold a full copy as learners",
    reason:
      "Five voters survive the loss of two; each further pair makes every write wait for one more.",
    parse: single(parseVoters),
  }),
  zone: option<string | null>({
    flag: "zone",
    env: "FLOCKMQ_ZONE",
    argument: "NAME",
    type: "text",
    defaultValue: null,
    defaultText: "none",
    zero: null,
    help: "what fails together with this node (rack, site); voters are spread over zones",
    reason: "With a majority of voters in one rack, that rack alone can stop the cluster.",
    parse: single(
      parseText(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "1 to 63 letters, digits, '.', '_' or '-'"),
    ),
  }),
  promoteAfterSeconds: option<number>({
    flag: "promote-after",
    env: "FLOCKMQ_PROMOTE_AFTER",
    argument: "TIME",
    type: "seconds",
    defaultValue: 2,
    defaultText: "2s",
    zero: null,
    help: "how long a learner must be healthy and caught up before it may vote",
    reason:
      "A node that comes and goes would cost the cluster a vote each time. The leader's counts.",
    parse: single(parseSeconds(1, 86_400)),
  }),
  replaceAfterSeconds: option<number>({
    flag: "replace-after",
    env: "FLOCKMQ_REPLACE_AFTER",
    argument: "TIME",
    type: "seconds",
    defaultValue: 30,
    defaultText: "30s",
    zero: "never",
    help: "how long a voter must be down before a healthy learner votes in its place",
    reason: "Longer than a restart, shorter than until the next failure. The leader's counts.",
    parse: single(parseSeconds(0, 2_000_000)),
  }),
  peer: option({
    flag: "peer",
    env: "FLOCKMQ_PEER",
    argument: "[HOST:]PORT",
    type: "listen",
    defaultValue: { host: "0.0.0.0", port: 7001 },
    defaultText: "0.0.0.0:7001",
    zero: "port 0: any free port",
    help: "where other nodes reach this one",
    reason: "Open to the network by default: every link is encrypted and needs the cluster secret.",
    parse: single(parseListen("0.0.0.0")),
  }),
};
