import type { RaftRestore } from "./api.ts";
import { changeConfiguration } from "./config-change.ts";
import { decodeConfigChange } from "./config-change-codec.ts";
import { type Configuration, EntryType } from "./types.ts";

/**
 * Who votes by all that a node knows to be committed. What it has applied lags behind: effects go to the disk some time after their
 * entries.
 */
export function committedConfiguration({
  configuration,
  appliedIndex,
  entries,
  hardState,
}: Pick<RaftRestore, "configuration" | "appliedIndex" | "entries" | "hardState">): Configuration {
  let latest = configuration;
  for (const { type, index, data } of entries) {
    if (type !== EntryType.configChange || index <= appliedIndex) continue;
    if (index > hardState.commit) break;
    const result = changeConfiguration(latest, decodeConfigChange(data));
    if (result.status === "ok") latest = result.configuration;
  }
  return latest;
}
