import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["flockmq-source"] },
  ssr: { resolve: { conditions: ["flockmq-source", "node", "import", "default"] } },
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 20_000,
    reporters: ["default", "json"],
    outputFile: { json: "coverage/test-report.json" },
  },
});
