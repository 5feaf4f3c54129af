import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

/** The table in README.md is made of the headers of the scripts: `REWRITE=1` writes it anew. */
const folder = join(import.meta.dirname, "raft");
const readme = join(import.meta.dirname, "README.md");
const guardsMark = "Guards against: ";
const tableMark = "| script | claim | guards against |";

interface Header {
  readonly name: string;
  readonly claim: string;
  readonly guards: string;
}

function headerOf(file: string): Header {
  const lines = readFileSync(join(folder, file), "utf8")
    .split("\n\n", 1)[0]!
    .split("\n")
    .map((line) => line.replace(/^# ?/, ""));
  const at = lines.findIndex((line) => line.startsWith(guardsMark));
  return {
    name: file.replace(/\.txt$/, ""),
    claim: lines.slice(0, at === -1 ? lines.length : at).join(" "),
    guards: at === -1 ? "" : lines.slice(at).join(" ").slice(guardsMark.length),
  };
}

const headers = readdirSync(folder)
  .filter((file) => file.endsWith(".txt"))
  .sort()
  .map(headerOf);

describe("every script", () => {
  test("says what it proves and which bug it guards against", () => {
    expect(headers.filter(({ claim, guards }) => claim.length < 40 || guards === "")).toEqual([]);
  });

  test("states a claim of its own", () => {
    expect(new Set(headers.map(({ claim }) => claim)).size).toBe(headers.length);
  });

  test("stands in the table of README.md, and the table names no other", () => {
    const rows = headers.map(
      ({ name, claim, guards }) => `| [${name}](raft/${name}.txt) | ${claim} | ${guards} |`,
    );
    const table = [tableMark, "|---|---|---|", ...rows, ""].join("\n");
    const text = readFileSync(readme, "utf8");
    const prose = text.slice(0, text.indexOf(tableMark));
    if (process.env["REWRITE"] === "1") {
      writeFileSync(readme, prose + table);
    }
    expect(process.env["REWRITE"] === "1" ? prose + table : text).toBe(prose + table);
  });
});

/** What etcd-io/raft proves by interaction tests, and what proves it here. Renamed where our core says it differently. */
const etcdSituations: Readonly<Record<string, string>> = {
  async_storage_writes: "writes_in_flight_finish_in_order",
  async_storage_writes_append_aba_race: "late_write_of_a_replaced_entry_frees_nothing",
  async_storage_writes_apply_nonlocally_committed: "commit_may_precede_the_leaders_own_sync",
  campaign: "election_needs_durable_votes",
  campaign_learner_must_vote: "learner_must_answer_vote_requests",
  checkquorum: "check_quorum_ends_a_lonely_leadership",
  confchange_disable_validation: "unsafe_changes_are_refused",
  confchange_v1_add_single: "one_voter_more_takes_one_step",
  confchange_v1_remove_leader: "leader_being_removed_does_not_count_itself",
  confchange_v1_remove_leader_stepdown: "removed_leader_hands_over",
  confchange_v2_add_double_auto: "joint_state_is_left_once",
  confchange_v2_add_double_implicit: "joint_change_is_left_by_the_leader",
  confchange_v2_add_single_auto: "one_voter_more_takes_one_step",
  confchange_v2_add_single_explicit: "joint_state_takes_no_other_change",
  confchange_v2_replace_leader: "new_voter_leads_out_of_the_joint_state",
  confchange_v2_replace_leader_stepdown: "leader_is_replaced_in_one_joint_step",
  forget_leader: "broken_link_does_not_depose_a_live_leader",
  forget_leader_prevote_checkquorum: "majority_that_lost_its_leader_elects_another",
  forget_leader_read_only_lease_based: "reads_of_a_follower_end_with_its_leader",
  heartbeat_resp_recovers_from_probing: "caught_up_follower_leaves_probe",
  lagging_commit: "missed_commit_comes_with_a_heartbeat",
  prevote: "pre_vote_of_a_shorter_log_is_refused",
  prevote_checkquorum: "live_leader_is_not_deposed",
  probe_and_replicate: "logs_of_figure_7_become_one",
  replicate_pause: "lost_appends_are_found_by_heartbeats",
  single_node: "single_voter_commits_after_its_own_sync",
  slow_follower_after_compaction: "compaction_does_not_disturb_a_full_window",
  snapshot_succeed_via_app_resp: "snapshot_is_over_when_the_follower_answers",
  snapshot_succeed_via_app_resp_behind: "snapshot_may_be_older_than_announced",
};

test.each(Object.entries(etcdSituations))("etcd's %s is covered by %s", (situation, name) => {
  expect(headers.find((header) => header.name === name)?.guards).toContain(situation);
});

/** Bugs that others had in the part that the core does here; the storage's and the driver's are tested there. */
const knownBugs: readonly string[] = [
  "etcd #14370",
  "etcd #7331",
  "etcd #20418",
  "etcd #10308",
  "etcd #11640",
  "etcd #18055",
  "figure 8",
  "Pre-Vote without stickiness",
  "raft-rs 0.3.1",
  "raft-rs #57",
  "openraft #1796",
  "openraft #1802",
  "openraft #1805",
  "openraft #1808",
  "openraft #1828",
  "openraft #1747",
  "openraft 511f33c7",
  "openraft 71a290cd",
  "openraft cecb5de8",
  "openraft 2af491fb",
  "openraft 674e78aa",
  "openraft ac3e5a89",
  "openraft replication sessions",
  "NATS #7561",
  "NATS #7600",
  "NATS #7602",
  "hashicorp/raft GH-413",
  "erratum of the thesis",
  "ABA rewrite",
  "joint quorum without its outgoing half",
  "campaign with an unapplied change",
];

test.each(knownBugs)("a script guards against %s", (bug) => {
  expect(headers.some(({ guards }) => guards.includes(bug))).toBe(true);
});
