/**
 * How fast the replicated state encodes, decodes and applies commands, without log or disk. Prints one JSON object.
 *
 *     node --conditions=flockmq-source scripts/bench/replica.ts [COMMANDS] [TOPICS]
 */
import { createMessage } from "../../src/mqtt/message.ts";
import { decodeCommand, encodeCommand } from "../../src/replica/commands.ts";
import { Replica } from "../../src/replica/replica.ts";

const commandCount = Number(process.argv[2] ?? 200_000);
const topicCount = Number(process.argv[3] ?? 20_000);
const origin = "1".repeat(32);
const disk = { put: () => {}, delete: () => {} };

function perSecond(run: () => void): number {
  const startMs = performance.now();
  run();
  return Math.round((commandCount / (performance.now() - startMs)) * 1_000);
}

function encodeAll(withUpdates: boolean): Buffer[] {
  return Array.from({ length: commandCount }, (_, index) => {
    const device = `robot-${index % topicCount}`;
    const message = createMessage({
      topic: `sensors/${device}/motorRPM`,
      payload: Buffer.alloc(64, index % 10),
      qos: 1,
      retain: true,
      properties: null,
      receivedAtMs: 1_800_000_000_000 + index,
      publisherId: device,
      version: 0,
    });
    const updates = withUpdates ? [{ device, attribute: "motorRPM", value: index }] : [];
    return encodeCommand({ type: "retain", message, updates });
  });
}

function applyAll(replica: Replica, commands: readonly Buffer[]): void {
  for (const [index, command] of commands.entries()) {
    replica.apply(command, { index: index + 1, timeMs: index, origin }, disk);
  }
}

let commands: Buffer[] = [];
const encoded = perSecond(() => {
  commands = encodeAll(true);
});
const decoded = perSecond(() => {
  for (const command of commands) {
    decodeCommand(command);
  }
});
const replica = new Replica();
const applied = perSecond(() => applyAll(replica, commands));
const retainedOnly = encodeAll(false);
const appliedRetained = perSecond(() => applyAll(new Replica(), retainedOnly));

let matched = 0;
const matchStartMs = performance.now();
replica.matchRetained("sensors/+/motorRPM", 0, () => {
  matched++;
});
const matchMs = performance.now() - matchStartMs;
console.log(
  JSON.stringify(
    {
      benchmark: "replica",
      commands: commandCount,
      topics: topicCount,
      commandsPerSecond: { encoded, decoded, applied, appliedRetained },
      retainedMatchedPerSecond: Math.round((matched / matchMs) * 1_000),
    },
    null,
    2,
  ),
);
