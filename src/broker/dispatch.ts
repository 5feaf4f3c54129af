import type { NodeId } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import type { LocalDelivery, Route } from "../routing/routing-api.ts";
import type { BrokerContext } from "./context.ts";
import type { Destination } from "./destination.ts";
import { passedOn, withShares } from "./forward-codec.ts";
import { ForwardDecoder } from "./forward-decoder.ts";
import { ForwardEncoder } from "./forward-encoder.ts";
import { forwardTextsMax } from "./limits.ts";

/**
 * Fan-out: one loop over local sessions and other nodes. A message crosses one link, because what comes from another node goes to local
 * sessions only; and a second one where the member of a shared subscription that it was meant for has just left.
 */
export class Dispatcher {
  readonly #context: BrokerContext;
  /** Where stored sessions share a subscription, the log has chosen one of them. */
  readonly #isServedByLog: (groupKey: string) => boolean;
  readonly #encoder = new ForwardEncoder();
  readonly #decoder = new ForwardDecoder(forwardTextsMax);

  constructor(context: BrokerContext) {
    this.#context = context;
    const { sessions } = context.replica;
    this.#isServedByLog = (groupKey) => sessions.hasGroup(groupKey);
  }

  /**
   * For a message that entered the cluster here, on the way of which some time may have passed. Answers how many sessions and nodes it goes
   * to, those included that get it from the log.
   */
  dispatch(message: ApplicationMessage): number {
    return this.#dispatchAt(message, this.#nowMsFor(message));
  }

  /** The same for one that has just been received: the clock need not be asked again. */
  dispatchAtOnce(message: ApplicationMessage): number {
    return this.#dispatchAt(message, message.receivedAtMs);
  }

  #dispatchAt(message: ApplicationMessage, nowMs: number): number {
    const route = this.#routeOf(message);
    this.#deliver(message, route.local, nowMs);
    const matched = route.local.length + route.remote.length + route.loggedCount;
    if (route.remote.length === 0) return matched;
    let plainFrame = this.#encoder.encode(message);
    for (const { nodeId, shares, isPlain } of route.remote) {
      const isCommon = isPlain && shares.length === 0;
      const frame = isCommon ? plainFrame : withShares(plainFrame, isPlain, shares);
      const isSent = this.#forward(nodeId, frame, message);
      if (!isSent && message.qos > 0 && shares.length > 0) {
        this.#repick(message, nodeId, shares);
        // A session here may have made another message of this one.
        plainFrame = this.#encoder.encode(message);
      }
    }
    return matched;
  }

  /**
   * For a message that the log published on every node at once: to the sessions of this node, and, on one node, to one member of each
   * shared subscription.
   */
  deliverPublished(message: ApplicationMessage, isForShares: boolean): void {
    if (!isForShares) {
      this.deliverLocally(message);
      return;
    }
    const route = this.#routeOf(message);
    this.#deliver(message, route.local, this.#nowMsFor(message));
    const plainFrame = this.#encoder.encode(message);
    for (const { nodeId, shares } of route.remote) {
      if (shares.length === 0) continue;
      this.#forward(nodeId, withShares(plainFrame, false, shares), message);
    }
  }

  /** For a message of this node only ($SYS). */
  deliverLocally(message: ApplicationMessage): void {
    const { router } = this.#context;
    const { topic, publisherId, retain } = message;
    const deliveries = router.routeForwarded(topic, publisherId, retain, true, []);
    this.#deliver(message, deliveries, this.#nowMsFor(message));
  }

  /** What another node sent. */
  receiveForward(frame: Uint8Array): void {
    const { router, counters } = this.#context;
    const forward = this.#decoder.decode(frame);
    if (!forward) {
      counters.forwardMalformed++;
      return;
    }
    counters.forwardReceived++;
    const { message, isPlain, shares, isPassedOn } = forward;
    const { topic, publisherId, retain } = message;
    const nowMs = this.#nowMsFor(message);
    if (isPlain || shares.length === 0) {
      this.#deliver(message, router.routeForwarded(topic, publisherId, retain, isPlain, []), nowMs);
    }
    if (shares.length === 0) return;
    const unserved = new Set<string>();
    for (const share of shares) {
      const chosen = router.routeForwarded(topic, publisherId, retain, false, [share]);
      if (chosen.length === 0) unserved.add(share);
      this.#deliver(message, chosen, nowMs);
    }
    if (unserved.size === 0) return;
    if (!isPassedOn) this.#passOn(message, unserved);
    counters.sharesMissed += unserved.size;
  }

  /** The sender has not heard yet that the last member here left: the others of the group are where this node knows them to be. */
  #passOn(message: ApplicationMessage, unserved: Set<string>): void {
    const { router } = this.#context;
    const { topic, publisherId, retain } = message;
    const isServed = (groupKey: string): boolean => !unserved.has(groupKey);
    const plainFrame = this.#encoder.encode(message);
    for (const { nodeId, shares } of router.route(topic, publisherId, retain, isServed).remote) {
      if (shares.length === 0 || !this.#forward(nodeId, passedOn(plainFrame, shares), message)) {
        continue;
      }
      for (const share of shares) unserved.delete(share);
      this.#context.counters.sharesRepicked += shares.length;
    }
  }

  /** At QoS 0 a delivery asks for the time only to see whether its message has expired. */
  #nowMsFor({ qos, properties, receivedAtMs }: ApplicationMessage): number {
    return qos === 0 && properties === null ? receivedAtMs : this.#context.clock.wallMs();
  }

  #routeOf({ topic, publisherId, retain, qos }: ApplicationMessage): Route<Destination> {
    const isServedByLog = qos === 0 ? undefined : this.#isServedByLog;
    return this.#context.router.route(topic, publisherId, retain, isServedByLog);
  }

  #deliver(
    message: ApplicationMessage,
    deliveries: readonly LocalDelivery<Destination>[],
    nowMs: number,
  ): void {
    const { qos } = message;
    for (const { target, options } of deliveries) {
      // A stored session gets it from the log.
      if (qos > 0 && options.qos > 0 && target.isStored) continue;
      target.deliver(message, options, nowMs);
    }
  }

  #forward(nodeId: NodeId, frame: Buffer, message: ApplicationMessage): boolean {
    const { cluster, counters } = this.#context;
    const delivery = message.qos > 0 ? "atLeastOnce" : "atMostOnce";
    if (cluster.forward(nodeId, frame, delivery) === "queued") {
      counters.forwardSent++;
      return true;
    }
    counters.forwardDropped++;
    return false;
  }

  /** The chosen node takes nothing: a member here, else one of another node, gets the message of each share. */
  #repick(message: ApplicationMessage, refused: NodeId, shares: readonly string[]): void {
    const { router, cluster, counters, clock } = this.#context;
    const { topic, publisherId, retain } = message;
    const unserved = new Set<string>();
    for (const share of shares) {
      const local = router.routeForwarded(topic, publisherId, retain, false, [share]);
      if (local.length === 0) unserved.add(share);
      else counters.sharesRepicked++;
      this.#deliver(message, local, clock.wallMs());
    }
    if (unserved.size === 0) return;
    router.setSuspended(refused, true);
    const others = this.#routeOf(message).remote;
    const isUp = cluster.members().some((m) => m.nodeId === refused && m.state === "up");
    router.setSuspended(refused, !isUp);
    const plainFrame = this.#encoder.encode(message);
    for (const other of others) {
      if (other.nodeId === refused) continue;
      const taken = other.shares.filter((share) => unserved.has(share));
      if (taken.length === 0) continue;
      const frame = withShares(plainFrame, false, taken);
      if (!this.#forward(other.nodeId, frame, message)) continue;
      for (const share of taken) unserved.delete(share);
      counters.sharesRepicked += taken.length;
    }
    counters.sharesMissed += unserved.size;
  }
}
