#!/usr/bin/env node
import { tuneGarbageCollector } from "./garbage-collector.ts";
import { dieWithParent, isNodeSuitable, runAgain } from "./node-version.ts";

if (isNodeSuitable()) {
  dieWithParent();
  tuneGarbageCollector();
  const { main } = await import("./main.ts");
  await main(process.argv.slice(2), process.env);
} else {
  runAgain(import.meta.url);
}
