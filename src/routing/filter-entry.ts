import type { NodeId } from "#cluster";
import { CompactMap } from "./compact-map.ts";
import type { LocalMember } from "./local-member.ts";
import type { LocalDelivery, LocalTarget } from "./routing-api.ts";
import type { SharedGroup } from "./shared-group.ts";

const noGroups: readonly never[] = Object.freeze([]);

/** All that subscribes to one filter, here and on other nodes. There is one entry, and one copy of the filter, per filter. */
export class FilterEntry<T extends LocalTarget> {
  readonly filter: string;
  readonly members = new CompactMap<T, LocalMember<T>>();
  /** Nodes with an ordinary subscription to the filter. */
  readonly remotes = new CompactMap<NodeId, true>();
  #groups: readonly SharedGroup<T>[] = noGroups;
  #plain: readonly LocalDelivery<T>[] | null = null;
  #retained: readonly LocalDelivery<T>[] | null = null;

  constructor(filter: string) {
    this.filter = filter;
  }

  get groups(): readonly SharedGroup<T>[] {
    return this.#groups;
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && this.remotes.size === 0 && this.#groups.length === 0;
  }

  /** True if the target is new here; else its subscription is replaced. */
  setMember(member: LocalMember<T>): boolean {
    const sizeBefore = this.members.size;
    this.members.set(member.target, member);
    this.#forgetDeliveries();
    return this.members.size > sizeBefore;
  }

  removeMember(target: T): boolean {
    this.#forgetDeliveries();
    return this.members.delete(target);
  }

  addGroup(group: SharedGroup<T>): void {
    this.#groups = [...this.#groups, group];
  }

  removeGroup(group: SharedGroup<T>): void {
    this.#groups = this.#groups.filter((other) => other !== group);
  }

  /** One delivery per member, whoever published; all topics that match only this filter share the array. */
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

  #forgetDeliveries(): void {
    this.#plain = null;
    this.#retained = null;
  }
}
