import { expect, test } from "vitest";
import { BrokerRig } from "../../support/broker-rig.ts";
import { readDocument, rowNames } from "../../support/documents.ts";

const documented = rowNames(readDocument("docs/sys-topics.md"));

function inGeneral(topic: string): string {
  return topic
    .replace(/^(\$SYS\/broker\/load\/.*)\/(1|5|15)min$/, "$1/MINUTES")
    .replace(/^(\$SYS\/cluster\/nodes)\/n\d\//, "$1/NAME/");
}

test("docs/sys-topics.md lists every topic that a broker has, and no other", async () => {
  const rig = new BrokerRig();
  rig.addNode();
  const node = rig.addNode({}, { sysIntervalMs: 10_000 });
  const client = await rig.connect(node, "c");
  client.subscribe("$SYS/#");
  await rig.settle();
  const topics = new Set(client.take("publish").map(({ topic }) => inGeneral(topic)));
  expect([...topics].sort()).toEqual([...documented].sort());
});
