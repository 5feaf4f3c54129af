import { describe, expect, test } from "vitest";
import {
  Handshake,
  type HandshakeEffect,
  type HandshakeOptions,
} from "../../cluster/transport/handshake.ts";
import { decodeMessage, encodeMessage } from "../../cluster/transport/handshake-message.ts";
import { decodeHello, encodeHello, parseAddress } from "../../cluster/transport/hello.ts";
import { deriveKeys } from "../../cluster/transport/secret.ts";
import type { Hello } from "../../cluster/transport/transport.ts";

const smallId = "1".repeat(32);
const largeId = "f".repeat(32);
const { helloKey } = deriveKeys(Buffer.from("a secret of enough bytes"));

function helloOf(nodeId: string, fields: Partial<Hello> = {}): Hello {
  const addresses = ["127.0.0.1:7001"];
  return {
    nodeId,
    name: "n",
    clusterId: null,
    incarnation: 1,
    version: "0.1.0",
    addresses,
    ...fields,
  };
}

function optionsOf(role: HandshakeOptions["role"], changes: Partial<HandshakeOptions> = {}) {
  const isInitiator = role === "initiator";
  return {
    role,
    helloKey,
    local: helloOf(isInitiator ? smallId : largeId),
    remoteNodeId: isInitiator ? largeId : smallId,
    nonce: Buffer.alloc(32, isInitiator ? 1 : 2),
    protocolMajor: 1,
    ...changes,
  };
}

/** Carries frames back and forth until both are silent; what else happened, per end, in order. */
function run(
  initiator: Handshake,
  responder: Handshake,
  decide: "open" | "rejectDuplicate" = "open",
) {
  const results: Record<"initiator" | "responder", HandshakeEffect[]> = {
    initiator: [],
    responder: [],
  };
  const messages: string[] = [];
  const handle = (at: "initiator" | "responder", effects: readonly HandshakeEffect[]): void => {
    for (const effect of effects) {
      const self = at === "initiator" ? initiator : responder;
      const other = at === "initiator" ? responder : initiator;
      if (effect.type === "send") {
        messages.push(`${at}: ${decodeMessage(effect.frame)?.type}`);
        handle(at === "initiator" ? "responder" : "initiator", other.receive(effect.frame));
      } else if (effect.type === "decide") handle(at, self[decide]());
      else results[at].push(effect);
    }
  };
  handle("initiator", initiator.greeting());
  return { results, messages };
}

describe("handshake", () => {
  test("the initiator decides when its id is the smaller", () => {
    const { results, messages } = run(
      new Handshake(optionsOf("initiator")),
      new Handshake(optionsOf("responder")),
    );
    expect(messages).toEqual([
      "initiator: greeting",
      "responder: challenge",
      "initiator: proof",
      "responder: accepted",
      "initiator: decision",
    ]);
    expect(results.initiator).toEqual([{ type: "opened", hello: helloOf(largeId) }]);
    expect(results.responder).toEqual([{ type: "opened", hello: helloOf(smallId) }]);
  });

  test("the responder decides when its id is the smaller", () => {
    const { results, messages } = run(
      new Handshake(optionsOf("initiator", { local: helloOf(largeId), remoteNodeId: smallId })),
      new Handshake(optionsOf("responder", { local: helloOf(smallId), remoteNodeId: largeId })),
    );
    expect(messages.slice(2)).toEqual(["initiator: proof", "responder: decision"]);
    expect(results.initiator[0]?.type).toBe("opened");
  });

  test("a duplicate is known to both ends", () => {
    const { results } = run(
      new Handshake(optionsOf("initiator")),
      new Handshake(optionsOf("responder")),
      "rejectDuplicate",
    );
    expect(results.initiator).toMatchObject([{ type: "duplicate", isOurs: true }]);
    expect(results.responder).toMatchObject([{ type: "duplicate", isOurs: false }]);
  });

  const other = { helloKey: deriveKeys(Buffer.from("another secret of bytes")).helloKey };
  const inCluster = (nodeId: string, clusterId: string) => ({
    local: helloOf(nodeId, { clusterId }),
  });
  test.each([
    ["wrong-secret", {}, other],
    ["version-mismatch", { protocolMajor: 2 }, {}],
    ["wrong-cluster", inCluster(smallId, "one"), inCluster(largeId, "two")],
    ["frame-malformed", { remoteNodeId: "e".repeat(32) }, {}],
  ] as const)("%s is refused, and the refused end learns why", (code, initiator, responder) => {
    const { results } = run(
      new Handshake(optionsOf("initiator", initiator)),
      new Handshake(optionsOf("responder", responder)),
    );
    for (const end of [results.initiator, results.responder]) {
      const [effect] = end;
      if (effect?.type !== "refused") throw new Error(`${effect?.type} instead of refused`);
      // With a key that names another node the MACs differ first: both are covered by them.
      expect([code, "wrong-secret"]).toContain(effect.refusal.code);
      expect(effect.refusal.message.length).toBeGreaterThan(10);
    }
  });

  test("a proof cannot be sent back to its author", () => {
    const responder = new Handshake(optionsOf("responder"));
    const nonce = Buffer.alloc(32, 2);
    const [challenge] = responder.receive(encodeMessage({ type: "greeting", protocol: 1, nonce }));
    if (challenge?.type !== "send") throw new Error("no challenge");
    const message = decodeMessage(challenge.frame);
    if (message?.type !== "challenge") throw new Error("no challenge");
    const { hello, mac } = message;
    const effects = responder.receive(encodeMessage({ type: "proof", hello, mac }));
    expect(effects[1]).toMatchObject({ type: "refused", refusal: { code: "wrong-secret" } });
  });

  test("garbage and frames out of order end it", () => {
    const frames = [
      Buffer.from("garbage"),
      Buffer.from("null"),
      Buffer.from('{"type":"greeting","protocol":1,"nonce":"AA=="}'),
      encodeMessage({ type: "accepted" }),
      encodeMessage({ type: "decision", isOpen: true }),
      encodeMessage({ type: "goodbye" }),
    ];
    for (const frame of frames) {
      const responder = new Handshake(optionsOf("responder"));
      expect(responder.receive(frame).at(-1)).toMatchObject({ type: "refused", isOurs: true });
      expect(responder.isOver).toBe(true);
      expect(responder.receive(frame)).toEqual([]);
    }
  });
});

describe("hello", () => {
  test("comes back as it was", () => {
    const hello = helloOf(smallId, {
      clusterId: "c",
      incarnation: 4,
      addresses: ["[::1]:7", "h:8"],
    });
    expect(decodeHello(encodeHello(hello))).toEqual(hello);
  });

  test.each([
    ["nodeId", "x"],
    ["name", 1],
    ["clusterId", undefined],
    ["incarnation", -1],
    ["version", "v".repeat(300)],
    ["addresses", ["a", 1]],
  ])("a bad %s is refused by name", (field, value) => {
    const bytes = Buffer.from(JSON.stringify({ ...helloOf(smallId), [field]: value }));
    expect(() => decodeHello(bytes)).toThrow(new RegExp(field));
  });

  test("addresses are HOST:PORT or [IPv6]:PORT", () => {
    expect(parseAddress("example.org:7001")).toEqual({ host: "example.org", port: 7001 });
    expect(parseAddress("[fe80::1]:1")).toEqual({ host: "fe80::1", port: 1 });
    for (const bad of [
      "",
      "host",
      "host:",
      "host:0",
      "host:70000",
      "::1:7001",
      "[host]:1",
      "a b:1",
    ]) {
      expect(parseAddress(bad)).toBe(null);
    }
  });
});
