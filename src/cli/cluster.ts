#!/usr/bin/env node
import { dieWithParent, isNodeSuitable, runAgain } from "../node-version.ts";

if (isNodeSuitable()) {
  dieWithParent();
  const { runProgram } = await import("./program.ts");
  process.exitCode = await runProgram(process.argv.slice(2), process.env);
} else {
  runAgain(import.meta.url);
}
