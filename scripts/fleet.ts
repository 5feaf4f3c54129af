/** A simulated robot fleet against any MQTT broker: `npm run fleet -- --help`. */
import { Command } from "commander";
import { Fleet } from "./fleet/fleet.ts";

const program = new Command("fleet")
  .description("Robots that move on a plane, publish sensors/{id}/... and obey orin/{id}/command.")
  .option("--url <mqtt://host:port...>", "brokers, robots are spread over them", [
    "mqtt://127.0.0.1:1883",
  ])
  .option("--robots <count>", "robots", "50")
  .option("--rate <hz>", "coordinates per robot and second", "10")
  .option("--qos <0|1>", "quality of service", "1")
  .option("--prefix <text>", "robot ids begin with it", "robot")
  .option("--size <metres>", "edge of the plane", "100")
  .option("--seconds <count>", "end after that long; 0 = run until interrupted", "0")
  .parse();
const options = program.opts<{
  url: string[];
  robots: string;
  rate: string;
  qos: string;
  prefix: string;
  size: string;
  seconds: string;
}>();

const fleet = new Fleet({
  urls: options.url,
  robots: positive("--robots", options.robots),
  rateHz: positive("--rate", options.rate),
  qos: options.qos === "0" ? 0 : 1,
  prefix: options.prefix,
  sizeM: positive("--size", options.size),
  random: Math.random,
});
fleet.start();
const report = setInterval(() => console.log(JSON.stringify(fleet.figures)), 1000);
const end = async (): Promise<void> => {
  clearInterval(report);
  await fleet.stop();
  console.log(JSON.stringify(fleet.figures));
};
process.once("SIGINT", () => void end());
process.once("SIGTERM", () => void end());
if (Number(options.seconds) > 0) setTimeout(() => void end(), Number(options.seconds) * 1000);

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  console.error(`${name} ${text}: expected a number above 0`);
  process.exit(2);
}
