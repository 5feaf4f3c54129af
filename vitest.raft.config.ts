import { defineConfig, mergeConfig } from "vitest/config";
import base from "./vitest.config.ts";

/**
 * `npm run coverage:raft`: what the golden scripts and the unit tests alone reach of the consensus core. The random simulation
 * is left out: what only chance reaches is not proved.
 */
export default mergeConfig(
  base,
  defineConfig({
    test: {
      exclude: ["test/unit/raft/random.test.ts"],
      coverage: {
        enabled: true,
        provider: "v8",
        include: ["cluster/raft/**/*.ts"],
        reporter: ["text", "json-summary"],
        reportsDirectory: "coverage/raft",
        thresholds: { lines: 95, branches: 95, functions: 95, statements: 95 },
      },
    },
  }),
);
