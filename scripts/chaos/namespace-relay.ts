/**
 * Stands in the namespace of a node and connects clients from outside: `PATH=PORT ...`. Each Unix socket at PATH leads
 * to 127.0.0.1:PORT of the namespace, byte by byte, and ends when that ends.
 */
import { connect, createServer } from "node:net";

for (const pair of process.argv.slice(2)) {
  const [path, port] = pair.split("=");
  const server = createServer((outside) => {
    const inside = connect({ host: "127.0.0.1", port: Number(port) });
    outside.pipe(inside);
    inside.pipe(outside);
    for (const [one, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  server.listen(path);
}
// Whoever started this holds the other end; when it is gone there is nobody to connect.
process.stdin.on("end", () => process.exit(0)).resume();
