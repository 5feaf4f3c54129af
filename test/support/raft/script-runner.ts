import type { RaftOptions } from "../../../cluster/raft/api.ts";
import type { MembershipStep } from "../../../cluster/raft/types.ts";
import { configurationOf, nodeIdOf } from "./nodes.ts";
import { showEntry, showStatus } from "./script-format.ts";
import { type MessageFilter, ScriptWorld } from "./script-world.ts";

/** The words of a command: plain ones in order, and `name=value` ones. */
interface Words {
  readonly plain: readonly string[];
  readonly named: ReadonlyMap<string, string>;
}

type Command = (world: ScriptWorld, words: Words) => void;

const roundsMax = 50;

function numbersOf(words: readonly string[], world: ScriptWorld): readonly number[] {
  return words.length === 0 ? world.numbers : words.map(Number);
}

function listOf(text: string | undefined): number[] {
  return text === undefined ? [] : text.split(",").map(Number);
}

function addNodes(world: ScriptWorld, { plain, named }: Words): void {
  const configuration = configurationOf(listOf(named.get("voters")), listOf(named.get("learners")));
  const overrides: { -readonly [Key in keyof RaftOptions]?: RaftOptions[Key] } = {};
  const numeric = {
    inflight: "inflightAppendsMax",
    "inflight-bytes": "inflightBytesMax",
    "append-bytes": "appendSizeBytesMax",
    "uncommitted-bytes": "uncommittedBytesMax",
    "committed-bytes": "committedBytesPerReadyMax",
  } as const;
  for (const [name, option] of Object.entries(numeric)) {
    if (named.has(name)) {
      overrides[option] = Number(named.get(name));
    }
  }
  const first = world.numbers.length + 1;
  for (let number = first; number < first + Number(plain[0]); number += 1) {
    world.addNode(number, {
      index: Number(named.get("index") ?? 0),
      configuration,
      terms: listOf(named.get("log")),
      term: Number(named.get("term") ?? 0),
      overrides,
    });
  }
}

/** Ready, disk and network take turns until nothing is left to do among the nodes named. */
function stabilize(world: ScriptWorld, { plain }: Words): void {
  const numbers = numbersOf(plain, world);
  for (let round = 0; round < roundsMax; round += 1) {
    let isQuiet = true;
    for (const number of numbers) {
      while (world.hasReady(number)) {
        world.processReady(number);
        isQuiet = false;
      }
      while (world.hasWrites(number)) {
        world.sync(number);
        isQuiet = false;
      }
    }
    for (const number of numbers) {
      if (world.hasMessages(number)) {
        world.deliver(number, { types: [], from: [] }, false, false);
        isQuiet = false;
      }
    }
    if (isQuiet) {
      return;
    }
  }
  throw new Error("the nodes do not come to rest");
}

function changeSteps(words: readonly string[]): MembershipStep[] {
  const types = { v: "addVoter", l: "addLearner", r: "remove" } as const;
  return words.map((word) => ({
    type: types[word[0] as keyof typeof types],
    nodeId: nodeIdOf(Number(word.slice(1))),
  }));
}

function proposeChange(world: ScriptWorld, { plain: [node, ...steps] }: Words): void {
  const context = new Uint8Array(0);
  const change =
    steps[0] === "leave"
      ? ({ type: "leaveJoint" } as const)
      : ({ type: "change", steps: changeSteps(steps), context } as const);
  const result = world.raft(Number(node)).proposeConfigChange(change);
  world.say(result.status === "accepted" ? `accepted ${result.index}` : result.reason);
}

function deliver(world: ScriptWorld, { plain, named }: Words): void {
  const filter = filterOf(named);
  for (const number of numbersOf(plain, world)) {
    world.deliver(number, filter, named.get("drop") === "yes", named.get("keep") === "yes");
  }
}

function filterOf(named: ReadonlyMap<string, string>): MessageFilter {
  return { types: named.get("type")?.split(",") ?? [], from: listOf(named.get("from")) };
}

const commands: Readonly<Record<string, Command>> = {
  "add-nodes": addNodes,
  stabilize,
  "propose-conf-change": proposeChange,
  "deliver-msgs": deliver,
  "hold-msgs": (world, { plain, named }) => {
    for (const number of numbersOf(plain, world)) {
      world.hold(number, filterOf(named));
    }
  },
  "deliver-held": (world, { plain }) => {
    for (const number of numbersOf(plain, world)) {
      world.deliverHeld(number);
    }
  },
  campaign: (world, { plain }) => world.on(Number(plain[0]), (raft) => raft.campaign()),
  propose: (world, { plain: [node, ...texts] }) => {
    const result = world.raft(Number(node)).propose(texts.map((text) => Buffer.from(text)));
    world.say(result.status === "accepted" ? `accepted ${result.index}` : result.reason);
  },
  "process-ready": (world, { plain }) => {
    for (const number of numbersOf(plain, world)) {
      world.processReady(number);
    }
  },
  sync: (world, { plain }) => world.sync(Number(plain[0])),
  tick: (world, { plain: [node, count] }) => {
    for (let ticks = Number(count ?? 1); ticks > 0; ticks -= 1) {
      world.on(Number(node), (raft) => raft.tick());
    }
  },
  "tick-heartbeat": (world, { plain: [node] }) => {
    commands["tick"]?.(world, { plain: [node ?? "", "2"], named: new Map() });
  },
  "tick-election": (world, { plain: [node] }) => {
    commands["tick"]?.(world, { plain: [node ?? "", "10"], named: new Map() });
  },
  "read-index": (world, { plain: [node, id] }) =>
    world.on(Number(node), (raft) => raft.readIndex(Number(id))),
  "transfer-leadership": (world, { plain: [from, to] }) => {
    world.say(String(world.raft(Number(from)).transferLeadership(nodeIdOf(Number(to)))));
  },
  "leader-unreachable": (world, { plain: [node, leader] }) =>
    world.on(Number(node), (raft) => raft.leaderUnreachable(nodeIdOf(Number(leader)))),
  "report-unreachable": (world, { plain: [node, of] }) =>
    world.raft(Number(node)).reportUnreachable(nodeIdOf(Number(of))),
  "report-snapshot": (world, { plain: [node, of, outcome] }) =>
    world
      .raft(Number(node))
      .reportSnapshot(nodeIdOf(Number(of)), outcome === "finished" ? "finished" : "failed"),
  "send-snapshot": (world, { plain: [from, to], named }) => {
    const term = Number(named.get("term") ?? world.raft(Number(from)).status().term);
    const isReported = named.get("report") !== "no";
    world.sendSnapshot(Number(from), Number(to), term, isReported);
  },
  compact: (world, { plain: [node, index] }) => world.raft(Number(node)).compact(Number(index)),
  restart: (world, { plain: [node] }) => world.restart(Number(node)),
  status: (world, { plain }) => {
    for (const number of numbersOf(plain, world)) {
      const [first, ...rest] = showStatus(world.raft(number).status());
      world.say(`n${number} ${first}`);
      for (const line of rest) {
        world.say(`  ${line}`);
      }
    }
  },
  "raft-log": (world, { plain: [node] }) => {
    for (const entry of world.entries(Number(node))) {
      world.say(showEntry(entry));
    }
  },
};

function runCommand(world: ScriptWorld, line: string): readonly string[] {
  const [name, ...words] = line.split(/\s+/);
  const command = commands[name ?? ""];
  if (command === undefined) {
    throw new Error(`unknown command ${name}`);
  }
  const plain = words.filter((word) => !word.includes("=") && word !== "quiet");
  const named = new Map(
    words
      .filter((word) => word.includes("="))
      .map((word) => word.split("=", 2) as [string, string]),
  );
  command(world, { plain, named });
  const lines = world.takeLines();
  return words.includes("quiet") ? ["ok"] : lines.length === 0 ? ["ok"] : lines;
}

/** The script with its outputs as they are now. Lines of output stand below their command, up to an empty line. */
export function runScript(script: string): string {
  const world = new ScriptWorld();
  const result: string[] = [];
  for (const line of script.split("\n")) {
    if (line.startsWith("#")) {
      result.push(line);
    } else if (line.startsWith("> ")) {
      if (result.at(-1) !== "" && !result.at(-1)?.startsWith("#")) {
        result.push("");
      }
      result.push(line, ...runCommand(world, line.slice(2)), "");
    } else if (line === "" && result.at(-1)?.startsWith("#")) {
      result.push("");
    }
  }
  while (result.at(-1) === "") {
    result.pop();
  }
  return `${result.join("\n")}\n`;
}
