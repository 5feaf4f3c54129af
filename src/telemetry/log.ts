import { destination, type Logger, pino, stdSerializers } from "pino";
import type { Config } from "../config/options.ts";

/** One JSON object per line on stdout; synchronous, so that the last words of a dying process are not lost. */
export function createLog(level: Config["logLevel"]): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: stdSerializers.err, error: stdSerializers.err },
  };
  return pino(options, destination({ dest: 1, sync: true }));
}

export type { Logger };
