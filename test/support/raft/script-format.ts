import type { NodeId } from "../../../cluster/node-id.ts";
import { decodeConfigChange } from "../../../cluster/raft/config-change-codec.ts";
import type { Message } from "../../../cluster/raft/messages.ts";
import type { RaftStatus, StorageWrite } from "../../../cluster/raft/ready.ts";
import {
  type ConfigChange,
  type Configuration,
  type Entry,
  EntryType,
} from "../../../cluster/raft/types.ts";
import { nodeNumber } from "./nodes.ts";

/** How scripts show things: `n1@2 -> n2` is a message of node 1 in term 2, `5@2` the entry at index 5 of term 2. */

export function showNode(nodeId: NodeId | null): string {
  return nodeId === null ? "-" : `n${nodeNumber(nodeId)}`;
}

function showNodes(nodeIds: readonly NodeId[]): string {
  return nodeIds.map(showNode).join(" ");
}

export function showConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  return [
    `voters=(${showNodes(voters)})`,
    votersOutgoing.length > 0 ? `outgoing=(${showNodes(votersOutgoing)})` : "",
    learners.length > 0 ? `learners=(${showNodes(learners)})` : "",
    learnersNext.length > 0 ? `learnersNext=(${showNodes(learnersNext)})` : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}

const stepSigns = { addVoter: "v", addLearner: "l", remove: "r" } as const;

export function showChange(change: ConfigChange): string {
  return change.type === "leaveJoint"
    ? "leave"
    : change.steps.map((step) => `${stepSigns[step.type]}${nodeNumber(step.nodeId)}`).join(" ");
}

export function showEntry(entry: Entry): string {
  const content = {
    [EntryType.command]: () => `"${Buffer.from(entry.data).toString()}"`,
    [EntryType.noop]: () => "noop",
    [EntryType.configChange]: () => `(${showChange(decodeConfigChange(entry.data))})`,
  }[entry.type]();
  return `${entry.index}@${entry.term} ${content}`;
}

export function showMessage(message: Message): string {
  const head = `${showNode(message.from)}@${message.term} -> ${showNode(message.to)} ${message.type}`;
  return [head, ...details(message)].filter((part) => part !== "").join(" ");
}

function details(message: Message): string[] {
  switch (message.type) {
    case "append": {
      const entries = message.entries.map(showEntry).join(", ");
      const { previousIndex, previousTerm, commit } = message;
      return [`after ${previousIndex}@${previousTerm}`, `commit=${commit}`, `[${entries}]`];
    }
    case "appendResponse":
      return message.rejected
        ? [`refused ${message.index}`, `hint ${message.hintIndex}@${message.hintTerm}`]
        : [`match=${message.index}`];
    case "heartbeat":
      return [`commit=${message.commit}`, ...context(message.readContext)];
    case "heartbeatResponse":
      return context(message.readContext);
    case "vote":
    case "preVote":
      return [
        `last=${message.lastIndex}@${message.lastTerm}`,
        message.isTransfer ? "transfer" : "",
      ];
    case "voteResponse":
    case "preVoteResponse": {
      const verdict = message.rejected ? "rejected" : "granted";
      return [`${verdict} commit=${message.commit}@${message.commitTerm}`];
    }
    case "snapshot": {
      const { index, term, configuration } = message.snapshot;
      return [`${index}@${term}`, showConfiguration(configuration)];
    }
    case "timeoutNow":
      return [];
    case "readIndex":
      return [`#${message.requestId}`];
    case "readIndexResponse":
      return [`#${message.requestId}`, message.rejected ? "rejected" : `index=${message.index}`];
  }
}

function context(readContext: number): string[] {
  return readContext === 0 ? [] : [`context=${readContext}`];
}

export function showWrite({ id, hardState, snapshot, entries }: StorageWrite): string {
  const parts = [`write #${id}`];
  if (hardState !== null) {
    const { term, vote, commit } = hardState;
    parts.push(`term=${term} vote=${showNode(vote)} commit=${commit}`);
  }
  if (snapshot !== null) {
    parts.push(`snapshot ${snapshot.index}@${snapshot.term}`);
  }
  if (entries.length > 0) {
    parts.push(`[${entries.map(showEntry).join(", ")}]`);
  }
  return parts.join(" ");
}

export function showStatus(status: RaftStatus): string[] {
  const { role, term, vote, leader, commitIndex, appliedIndex, firstIndex, lastIndex } = status;
  return [
    `${role} term=${term} vote=${showNode(vote)} leader=${showNode(leader)}` +
      ` log=${firstIndex}..${lastIndex} commit=${commitIndex} applied=${appliedIndex}`,
    showConfiguration(status.configuration),
    ...status.progress
      .filter(({ nodeId }) => nodeId !== status.nodeId)
      .map(
        ({ nodeId, state, match, next, isRecentlyActive, isLearner }) =>
          `${showNode(nodeId)}: ${state} match=${match} next=${next}` +
          `${isRecentlyActive ? "" : " silent"}${isLearner ? " learner" : ""}`,
      ),
  ];
}
