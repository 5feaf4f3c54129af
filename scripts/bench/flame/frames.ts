/** The part of V8's CPU profile that is read here, as `Profiler.stop` of the debugging protocol gives it. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  /** Samples that found the processor in this function itself. */
  readonly hitCount?: number;
  readonly children?: readonly number[];
}

/** One function of one file under one caller. */
export interface Frame {
  readonly name: string;
  /** Relative to the build or to `node_modules`; `node:` of Node.js itself; empty where V8 names none. */
  readonly file: string;
  readonly selfSamples: number;
  /** With those of everything it called. */
  readonly samples: number;
  /** The most samples first. */
  readonly callees: readonly Frame[];
}

export interface Flame {
  /** All functions that were called by no other; waiting is not among them. */
  readonly roots: readonly Frame[];
  readonly busySamples: number;
  readonly idleSamples: number;
}

/**
 * Calls of one function under the same caller are one frame, wherever in the caller they stand. What V8 calls "(idle)", the process
 * waiting for something to do, is counted and left out: it would be as wide as the machine was quiet.
 */
export function readFrames(profile: CpuProfile): Flame {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const called = new Set(profile.nodes.flatMap(({ children }) => children ?? []));
  const tops = profile.nodes.filter(({ id }) => !called.has(id));
  const isRoot = (node: ProfileNode): boolean => node.callFrame.functionName === "(root)";
  const first = tops.flatMap((node) => (isRoot(node) ? childrenOf(node, nodes) : [node]));
  const isIdle = (node: ProfileNode): boolean => node.callFrame.functionName === "(idle)";
  const roots = merged(
    first.filter((node) => !isIdle(node)),
    nodes,
  );
  return {
    roots,
    busySamples: sum(roots.map(({ samples }) => samples)),
    idleSamples: sum(first.filter(isIdle).map(({ hitCount }) => hitCount ?? 0)),
  };
}

function merged(
  callees: readonly ProfileNode[],
  nodes: ReadonlyMap<number, ProfileNode>,
): readonly Frame[] {
  const groups = Map.groupBy(callees, ({ callFrame }) => {
    return `${callFrame.functionName}\n${callFrame.url}`;
  });
  return [...groups.values()]
    .map((group) => frameOf(group, nodes))
    .filter(({ samples }) => samples > 0)
    .sort((one, other) => other.samples - one.samples);
}

function frameOf(group: readonly ProfileNode[], nodes: ReadonlyMap<number, ProfileNode>): Frame {
  const { functionName, url } = group[0]!.callFrame;
  const selfSamples = sum(group.map(({ hitCount }) => hitCount ?? 0));
  const callees = merged(
    group.flatMap((node) => childrenOf(node, nodes)),
    nodes,
  );
  return {
    name: functionName === "" ? "(anonymous)" : functionName,
    file: shortFile(url),
    selfSamples,
    samples: selfSamples + sum(callees.map(({ samples }) => samples)),
    callees,
  };
}

function childrenOf(
  node: ProfileNode,
  nodes: ReadonlyMap<number, ProfileNode>,
): readonly ProfileNode[] {
  return (node.children ?? []).flatMap((id) => nodes.get(id) ?? []);
}

/** Without the folders of the machine that the profile was made on. */
export function shortFile(url: string): string {
  const path = url.replace(/^file:\/\//, "");
  for (const folder of ["/node_modules/", "/dist/"]) {
    const at = path.lastIndexOf(folder);
    if (at >= 0) return folder === "/dist/" ? path.slice(at + folder.length) : path.slice(at + 1);
  }
  return path.startsWith("/") ? path.slice(path.lastIndexOf("/") + 1) : path;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
