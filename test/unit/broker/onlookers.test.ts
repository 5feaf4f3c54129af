import { describe, expect, test } from "vitest";
import type { ApplicationMessage } from "../../../src/mqtt/message.ts";
import { BrokerRig } from "../../support/broker-rig.ts";

const anyone = { username: null };

function setUp() {
  const rig = new BrokerRig();
  const [here, there] = [rig.addNode(), rig.addNode()];
  const heard: [string, string, boolean][] = [];
  const listen = ({ topic, payload }: ApplicationMessage, isRetained: boolean): void => {
    heard.push([topic, String(payload), isRetained]);
  };
  return { rig, here, there, heard, listen };
}

describe("somebody who looks on", () => {
  test("hears messages that are published at any node, once for overlapping filters", async () => {
    const { rig, here, there, heard, listen } = setUp();
    const watch = here.broker.watchMessages(["a/#", "a/b"], anyone, listen);
    await rig.settle();
    await watch.isLive;
    const local = await rig.connect(here, "local");
    local.publish("a/b", "1", { qos: 0 });
    const remote = await rig.connect(there, "remote");
    remote.publish("a/b", "2", { qos: 1, messageId: 1 });
    await rig.settle();
    expect(heard).toEqual([
      ["a/b", "1", false],
      ["a/b", "2", false],
    ]);
    watch.close();
    local.publish("a/b", "3", { qos: 0 });
    await rig.settle();
    expect(heard).toHaveLength(2);
    expect(here.broker.figures().subscriptions).toBe(0);
  });

  test("reads what is retained, each topic once, up to a bound", async () => {
    const { rig, here, there, listen } = setUp();
    const publisher = await rig.connect(there, "p");
    for (const [at, topic] of ["a/1", "a/2", "a/3"].entries()) {
      publisher.publish(topic, "x", { qos: 1, retain: true, messageId: at + 1 });
    }
    await rig.settle();
    const watch = here.broker.watchMessages(["a/#", "a/1"], anyone, listen);
    await rig.settle();
    const all = await watch.retained(10);
    expect(all.map(({ topic }) => topic)).toEqual(["a/1", "a/2", "a/3"]);
    expect(await watch.retained(2)).toHaveLength(2);
  });

  test("is refused what is no filter, a share, and what it may not read", () => {
    const rig = new BrokerRig();
    const authorizer = {
      canPublish: () => true,
      subscribeRefusal: (_: unknown, filter: string) =>
        filter === "secret" ? (0x87 as const) : null,
    };
    const { broker } = rig.addNode({}, { authorizer });
    const watch =
      (...filters: string[]) =>
      () =>
        broker.watchMessages(filters, { username: "viewer" }, () => 0);
    expect(watch("a#")).toThrow(expect.objectContaining({ code: "topic-invalid" }));
    expect(watch("$share/g/a")).toThrow(expect.objectContaining({ code: "topic-invalid" }));
    expect(watch("a", "secret")).toThrow(expect.objectContaining({ code: "not-authorized" }));
    expect(broker.figures().subscriptions).toBe(0);
  });
});
