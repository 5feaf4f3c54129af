/** Writes `docs/conformance.md` from the statements and the cases of the suite. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chapters } from "../../test/conformance/cases.ts";
import { conformancePage } from "../../test/conformance/page.ts";

const path = fileURLToPath(new URL("../../docs/conformance.md", import.meta.url));
writeFileSync(path, conformancePage(chapters));
