/** A local cluster to develop against: fixed ports, its data kept in ./flockmq-data between runs. */
import { Command } from "commander";
import { LocalCluster } from "./support/local-cluster.ts";

const program = new Command("dev-cluster")
  .description(
    "Starts N nodes on fixed ports (mqtt 11883.., ws 12883.., http 13883.., peers 14883..) until Ctrl-C.",
  )
  .option("--nodes <count>", "nodes", "3")
  .option("--cwd <directory>", "where flockmq-data is", process.cwd())
  .option("--base-port <port>", "the first MQTT port", "11883")
  .parse();
const options = program.opts<{ nodes: string; cwd: string; basePort: string }>();

const cluster = await LocalCluster.start({
  nodes: Number(options.nodes),
  cwd: options.cwd,
  basePort: Number(options.basePort),
});
for (const { ready } of cluster.nodes) {
  if (ready !== null) {
    console.log(
      `${ready.node}  pid ${ready.pid}  mqtt ${ready.mqtt}  ws ${ready.ws}  http ${ready.http}  peer ${ready.peer}`,
    );
  }
}
console.log("Ctrl-C stops all of them.");
process.once("SIGINT", () => void cluster.stop());
process.once("SIGTERM", () => void cluster.stop());
