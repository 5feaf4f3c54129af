import { computed, signal } from "@preact/signals";
import type { ClusterLine } from "../model/api-types.ts";
import { changesBetween } from "../model/cluster-facts.ts";
import { type LinkFigures, type Look, linkFigures } from "../model/link-figures.ts";
import { firstLink, type LinkState } from "../model/reconnect.ts";

/** What all pages share: the link to a node, and what it said last. Nothing here does anything; `live-feed.ts` does. */

export const link = signal<LinkState>(firstLink(location.origin));
/** Name of the node that is talked to; null before its first word. */
export const nodeName = signal<string | null>(null);
export const cluster = signal<ClusterLine | null>(null);
/** Name of the node that served the page; null until it told. */
export const homeName = signal<string | null>(null);
/** Round trips and traffic between nodes, by `linkKey`. */
export const links = signal<ReadonlyMap<string, LinkFigures>>(new Map());
let lastLook: Look | null = null;
/** `/api/stats` of the node that is talked to, as far as it was told. */
export const stats = signal<Readonly<Record<string, unknown>> | null>(null);
/** Wall-clock milliseconds of the last second. Ages on the pages follow it. */
export const now = signal(Date.now());
/** Requests of this page to a node that is not its own are refused: the browser may only watch. */
export const isWatchingOnly = signal(false);

export interface Happening {
  readonly timeMs: number;
  readonly text: string;
}

const happeningsMax = 50;
/** Newest first. */
export const happenings = signal<readonly Happening[]>([]);

export const isAway = computed(() => link.value.base !== link.value.home);

export function takeCluster(status: ClusterLine): void {
  const changes = changesBetween(cluster.value, status);
  const timeMs = Date.now();
  cluster.value = status;
  const look = { cluster: status, timeMs };
  links.value = linkFigures(lastLook, look);
  lastLook = look;
  if (changes.length > 0) {
    const added = changes.map((text) => ({ timeMs, text }));
    happenings.value = [...added.reverse(), ...happenings.value].slice(0, happeningsMax);
  }
}
