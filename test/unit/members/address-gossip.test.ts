import { describe, expect, test } from "vitest";
import { AddressBook } from "../../../cluster/members/address-book.ts";
import { memberLimits } from "../../../cluster/peer-limits.ts";
import { decodeAddresses, encodeAddresses } from "../../../cluster/wire/address-frames.ts";
import { type FlockNode, MemoryFlock } from "../../support/memory-flock.ts";

const nodeId = "a".repeat(32);
const said = (incarnation: number, ...addresses: string[]) => ({ nodeId, incarnation, addresses });

describe("the address book", () => {
  test("takes hearsay of a later start only, and is no news twice", () => {
    const book = new AddressBook();
    expect(book.overhear(said(2, "h:1"))).toBe(true);
    expect(book.overhear(said(2, "h:2"))).toBe(false);
    expect(book.overhear(said(1, "h:3"))).toBe(false);
    expect(book.overhear(said(3, "h:4"))).toBe(true);
    expect(book.all()).toEqual([said(3, "h:4")]);
  });

  test("believes the node itself also of the same start, without passing it on", () => {
    const book = new AddressBook();
    expect(book.hear(said(2, "h:1"))).toBe(true);
    expect(book.hear(said(2, "h:2"))).toBe(false);
    expect(book.all()).toEqual([said(2, "h:2")]);
    expect(book.hear(said(1, "h:3"))).toBe(false);
    expect(book.all()).toEqual([said(2, "h:2")]);
  });
});

describe("a frame of addresses", () => {
  test("arrives as it was sent, in several frames when there are many nodes", () => {
    const known = Array.from({ length: memberLimits.addressNodesPerFrameMax + 1 }, (_, i) =>
      said(i, `10.0.0.${i}:7001`, "[::1]:7001"),
    );
    const frames = encodeAddresses(known);
    expect(frames).toHaveLength(2);
    expect(frames.flatMap((frame) => decodeAddresses(frame.subarray(1)) ?? [])).toEqual(known);
  });

  test("is malformed when it is cut, too long or of another version", () => {
    const [frame = new Uint8Array(0)] = encodeAddresses([said(1, "h:1")]);
    const payload = frame.subarray(1);
    expect(decodeAddresses(payload.subarray(0, -1))).toBeNull();
    expect(decodeAddresses(Uint8Array.of(9, ...payload.subarray(1)))).toBeNull();
    const [long = new Uint8Array(0)] = encodeAddresses([said(1, "h".repeat(300))]);
    expect(decodeAddresses(long.subarray(1))).toBeNull();
  });
});

test("two voters that both moved while they were apart find each other through a learner", async () => {
  const flock = new MemoryFlock();
  await flock.grow(4);
  const voters = flock.nodes.filter((node) =>
    node.cluster.members().some(({ isSelf, isVoter }) => isSelf && isVoter),
  );
  const [first, second] = voters as [FlockNode, FlockNode];
  expect(voters).toHaveLength(3);
  for (const node of voters) node.crash();
  for (const [at, node] of [first, second].entries()) {
    node.port = 8001 + at;
    await node.start();
  }
  await flock.until(() => flock.findLeader() !== null, "one of them leads with the other's vote");
  expect([first, second]).toContain(flock.leader);
  const overheard = [first, second].map((node) => node.counters.get("member_addresses_overheard"));
  expect(Math.max(...overheard)).toBeGreaterThan(0);
  await flock.converged();
});
