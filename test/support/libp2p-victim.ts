/** A process with one linked-up transport and nothing else: it exists to be killed. */
import { systemClock } from "../../cluster/drivers/system-clock.ts";
import { Counters } from "../../cluster/ports.ts";
import { generateIdentity } from "../../cluster/transport/identity.ts";
import { Libp2pTransport } from "../../cluster/transport/libp2p.ts";
import { TestLog, TestNode, testSecret } from "./transport-harness.ts";

const counters = new Counters();
const transport = new Libp2pTransport({
  identity: generateIdentity(),
  host: "127.0.0.1",
  port: 0,
  isPortFixed: false,
  secret: testSecret,
  isMdnsEnabled: false,
  version: "0.1.0",
  clock: systemClock,
  random: Math.random,
  log: new TestLog(),
  counters,
});
const node = new TestNode(transport, counters, {});
await node.start();
process.stdout.write(`${JSON.stringify({ address: node.address, nodeId: node.id })}\n`);
