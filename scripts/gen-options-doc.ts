/** Writes `docs/options.md` from the table of options. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { optionsDocument } from "../src/config/options-document.ts";

const path = fileURLToPath(new URL("../docs/options.md", import.meta.url));
writeFileSync(path, optionsDocument());
