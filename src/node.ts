#!/usr/bin/env node
import { dieWithParent, isNodeSuitable, runAgain } from "./node-version.ts";
import { keepNewObjectsYoung } from "./young-objects.ts";

if (isNodeSuitable()) {
  dieWithParent();
  keepNewObjectsYoung();
  const { main } = await import("./main.ts");
  await main(process.argv.slice(2), process.env);
} else {
  runAgain(import.meta.url);
}
