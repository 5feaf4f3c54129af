/** The viewers of one run, in a process of their own: `audience.ts URL READING STALLED`. Talks to its parent by messages. */
import { WebSocket } from "ws";

const [url = "", reading = "0", stalled = "0"] = process.argv.slice(2);
const sockets: WebSocket[] = [];
let texts = 0;
let bytes = 0;
let closed = 0;

/** How many connect at one time. */
const step = 50;

async function open(isStalled: boolean): Promise<void> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  sockets.push(socket);
  socket.on("error", () => socket.terminate());
  socket.on("close", () => closed++);
  if (isStalled) {
    socket.pause();
    return;
  }
  socket.on("message", (data: Buffer) => {
    texts++;
    bytes += data.length;
  });
}

const all = Array.from({ length: Number(reading) + Number(stalled) }, (_, at) => at);
for (let at = 0; at < all.length; at += step) {
  await Promise.all(all.slice(at, at + step).map((one) => open(one >= Number(reading))));
}
process.send?.({ type: "open" });

process.on("message", (what) => {
  if (what === "count") process.send?.({ type: "count", texts, bytes, closed });
  else process.exit(0);
});
process.on("disconnect", () => process.exit(0));
