/** A thread of a worker: ends the process when its schedule has used up its processor time, for one that spins hears nothing. */
import { workerData } from "node:worker_threads";

/** Of the process so far, at which it ends; Infinity between schedules. */
const [limit] = [workerData as Float64Array];
const lookMs = 1000;

setInterval(() => {
  const { user, system } = process.cpuUsage();
  if ((user + system) / 1000 > (limit[0] ?? Infinity)) process.kill(process.pid, "SIGVTALRM");
}, lookMs);
