import type { NodeId } from "#cluster";
import { CompactMap } from "./compact-map.ts";
import type { LocalMember } from "./local-member.ts";
import { filterWeight, type LocalDelivery, type LocalTarget } from "./routing-api.ts";
import type { SharedGroup } from "./shared-group.ts";
import { type PlanEntry, TopicPlan } from "./topic-plan.ts";

const noGroups: readonly never[] = Object.freeze([]);

type Remotes = Pick<CompactMap<NodeId, number>, "size" | "get" | "forEach">;

const noRemotes: Remotes = new CompactMap();

/** All that subscribes to one filter, here and on other nodes. There is one entry, and one copy of the filter, per filter. */
export class FilterEntry<T extends LocalTarget> implements PlanEntry<T> {
  readonly filter: string;
  readonly members = new CompactMap<T, LocalMember<T>>();
  /** null while no other node wants it. */
  #remotes: CompactMap<NodeId, number> | null = null;
  /** Members to whom the log brings nothing. */
  #unloggedCount = 0;
  #groups: readonly SharedGroup<T>[] = noGroups;
  #solePlan: TopicPlan<T> | null = null;
  #plain: readonly LocalDelivery<T>[] | null = null;
  #retained: readonly LocalDelivery<T>[] | null = null;

  constructor(filter: string) {
    this.filter = filter;
  }

  get remotes(): Remotes {
    return this.#remotes ?? noRemotes;
  }

  get groups(): readonly SharedGroup<T>[] {
    return this.#groups;
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && this.#remotes === null && this.#groups.length === 0;
  }

  /** What other nodes are to send to this one; see `filterWeight`. */
  get weight(): number {
    if (this.members.size === 0) return 0;
    return this.#unloggedCount > 0 ? filterWeight.everything : filterWeight.unlogged;
  }

  /** True if the target is new here; else its subscription is replaced. */
  setMember(member: LocalMember<T>): boolean {
    this.#changed();
    const previous = this.members.get(member.target);
    if (previous?.isLogged === false) this.#unloggedCount--;
    if (!member.isLogged) this.#unloggedCount++;
    this.members.set(member.target, member);
    return previous === undefined;
  }

  removeMember(target: T): boolean {
    const member = this.members.get(target);
    if (member === undefined) return false;
    this.#changed();
    if (!member.isLogged) this.#unloggedCount--;
    return this.members.delete(target);
  }

  setRemote(nodeId: NodeId, weight: number): void {
    this.#changed();
    this.#remotes ??= new CompactMap();
    this.#remotes.set(nodeId, weight);
  }

  removeRemote(nodeId: NodeId): void {
    this.#changed();
    if (this.#remotes?.delete(nodeId) && this.#remotes.size === 0) this.#remotes = null;
  }

  addGroup(group: SharedGroup<T>): void {
    this.#changed();
    this.#groups = [...this.#groups, group];
  }

  removeGroup(group: SharedGroup<T>): void {
    this.#changed();
    this.#groups = this.#groups.filter((other) => other !== group);
  }

  /** The plan of every topic that matches this filter and no other: however many topics, it is one. */
  solePlan(): TopicPlan<T> {
    this.#solePlan ??= new TopicPlan([this]);
    return this.#solePlan;
  }

  deliveries(retain: boolean): readonly LocalDelivery<T>[] {
    if (retain) {
      this.#retained ??= this.#collect(true);
      return this.#retained;
    }
    this.#plain ??= this.#collect(false);
    return this.#plain;
  }

  #collect(retain: boolean): readonly LocalDelivery<T>[] {
    const deliveries: LocalDelivery<T>[] = [];
    this.members.forEach((member) => {
      deliveries.push(member.delivery(retain));
    });
    return deliveries;
  }

  #changed(): void {
    this.#solePlan = null;
    this.#plain = null;
    this.#retained = null;
  }
}
