import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["flockmq-source"] },
  ssr: { resolve: { conditions: ["flockmq-source", "node", "import", "default"] } },
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Against hanging only: a machine that does other work beside takes many times as long.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    reporters: ["default", "json"],
    outputFile: { json: "coverage/test-report.json" },
  },
});
