import { Libp2pHarness } from "../support/libp2p-harness.ts";
import { MemoryHarness } from "../support/memory-harness.ts";
import { transportContract } from "./transport.suite.ts";

transportContract("memory transport", () => new MemoryHarness());
transportContract("libp2p transport", () => new Libp2pHarness());
