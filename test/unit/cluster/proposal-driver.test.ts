import { describe, expect, test } from "vitest";
import { AgreedState } from "../../../cluster/agreed/agreed-state.ts";
import { ProposalDriver } from "../../../cluster/drivers/proposal-driver.ts";
import { Counters } from "../../../cluster/ports.ts";
import { Raft } from "../../../cluster/raft/raft.ts";
import { encodeBatch, readBatchHeader } from "../../../cluster/wire/batch-codec.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { MapMachine } from "../../support/map-machine.ts";
import { idOf, PeerNetwork } from "../../support/peer-network.ts";

const leader = idOf(1);
const follower = idOf(2);

/** A leader alone with its log, so that a test says itself when entries are applied. */
function leading(): {
  propose(...seqs: number[]): void;
  log: number[];
  applyAll(): void;
  refusals(): number;
  driver: ProposalDriver;
} {
  const clock = new FakeClock();
  const network = new PeerNetwork(clock);
  const transport = network.add(leader);
  const peer = network.add(follower);
  network.link(leader, follower);
  let refusals = 0;
  peer.handlers = { ...peer.handlers, onFrame: () => refusals++ };
  const configuration = { voters: [leader], votersOutgoing: [], learners: [], learnersNext: [] };
  const raft = new Raft(
    {
      ...{ nodeId: leader, electionTicks: 10, heartbeatTicks: 1, appendSizeBytesMax: 1e6 },
      ...{ inflightAppendsMax: 8, inflightBytesMax: 1e6, uncommittedBytesMax: 1e6 },
      ...{ committedBytesPerReadyMax: 1e6, random: () => 0 },
    },
    {
      hardState: { term: 1, vote: null, commit: 1 },
      snapshot: { index: 1, term: 1, configuration },
      ...{ entries: [], appliedIndex: 1, configuration },
    },
  );
  const agreed = new AgreedState(new MapMachine());
  agreed.reset();
  for (const nodeId of [leader, follower]) {
    for (const { key, value } of agreed.foundingRecords({ nodeId, name: "n", addresses: [] })) {
      if (value !== null) agreed.restore(key, value);
    }
  }
  const log: number[] = [];
  const pump = (): void => {
    while (raft.hasReady()) {
      const { write, committed } = raft.ready();
      if (write !== null) raft.writeDone(write.id);
      for (const entry of committed) {
        if (entry.data.byteLength === 0) continue;
        const header = readBatchHeader(entry.data);
        if (header.origin === follower) log.push(header.seq);
        if (agreed.applyBatch(entry.data, entry.index) === null) driver.ignored(header);
      }
      const last = committed.at(-1);
      if (last !== undefined) raft.applied(last.index);
    }
  };
  const driver = new ProposalDriver({
    ...{ nodeId: leader, incarnation: 1, transport, raft, agreed, clock, schedule: () => {} },
    counters: new Counters(),
  });
  raft.campaign();
  pump();
  driver.roleChanged();
  const commands = [{ tag: 0 as const, bytes: Buffer.from("a=1") }];
  return {
    ...{ log, driver, applyAll: pump },
    propose: (...seqs) => {
      for (const seq of seqs) {
        const batch = encodeBatch({ origin: follower, incarnation: 1, seq, timeMs: 0, commands });
        driver.onProposal(follower, Buffer.concat([Uint8Array.of(0), batch]));
      }
    },
    refusals: () => {
      clock.endTurns();
      return refusals;
    },
  };
}

describe("a leader that gets batches of another node", () => {
  test("takes each number once and refuses those after a gap, so that their node sends again", () => {
    const { propose, log, applyAll, refusals } = leading();
    propose(1, 2, 2, 1, 4, 5);
    expect(refusals()).toBe(2);
    propose(3, 4, 5);
    applyAll();
    expect(log).toEqual([1, 2, 3, 4, 5]);
    expect(refusals()).toBe(2);
  });

  test("whose first one was lost lets them in again when they turned out to be of no use", () => {
    const { propose, log, applyAll } = leading();
    propose(2, 3);
    applyAll();
    propose(1, 2, 3);
    applyAll();
    expect(log).toEqual([2, 3, 1, 2, 3]);
  });

  test("turns away what would end every node that applies it", () => {
    const { driver, log, applyAll } = leading();
    const good = encodeBatch({ origin: follower, incarnation: 1, seq: 1, timeMs: 0, commands: [] });
    const frame = (batch: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(0), batch]);
    const long = Buffer.concat([good, Uint8Array.of(1)]);
    const endless = Buffer.from(good);
    endless.writeDoubleBE(Number.NaN, 21);
    for (const bad of [good.subarray(0, 20), long, endless]) {
      expect(() => driver.onProposal(follower, frame(bad))).toThrow("malformed");
    }
    expect(() => driver.onProposal(idOf(3), frame(good))).toThrow("of another node");
    applyAll();
    expect(log).toEqual([]);
  });
});
