import { AddressBook, type KnownAddresses } from "../members/address-book.ts";
import type { NodeId } from "../node-id.ts";
import type { Counters } from "../ports.ts";
import { Channel, type LinkEvent, type Transport } from "../transport/transport.ts";
import { decodeAddresses, encodeAddresses } from "../wire/address-frames.ts";

export interface AddressGossipOptions {
  readonly nodeId: NodeId;
  readonly transport: Transport;
  readonly counters: Counters;
  readonly isMember: (nodeId: NodeId) => boolean;
  /** A member can be reached there now. */
  readonly learnt: (nodeId: NodeId, addresses: readonly string[]) => void;
}

/** What a frame has room for. No directory is started so often. */
const incarnationMax = 2 ** 48 - 1;

/**
 * Tells linked nodes where the others are, so that two members that both moved while they were apart find each other by way of a
 * third, also without a majority that could write their addresses to the log.
 */
export class AddressGossip {
  readonly #options: AddressGossipOptions;
  readonly #book = new AddressBook();

  constructor(options: AddressGossipOptions) {
    this.#options = options;
  }

  onLink(event: LinkEvent): void {
    const { nodeId } = event;
    if (event.type === "down") {
      // The book holds members and linked nodes, and so has their bounds.
      if (!this.#options.isMember(nodeId)) this.#book.forget(nodeId);
      return;
    }
    const { incarnation, addresses } = event.hello;
    const said: KnownAddresses = { nodeId, incarnation, addresses };
    if (incarnation <= incarnationMax && this.#book.hear(said)) this.#tellOthers([said], nodeId);
    this.#tell(
      nodeId,
      this.#book.all().filter((known) => known.nodeId !== nodeId),
    );
  }

  /** A frame of kind `addresses`, without the kind. */
  onControl(from: NodeId, payload: Uint8Array): void {
    const { nodeId, counters, isMember, learnt } = this.#options;
    const known = decodeAddresses(payload);
    if (known === null) {
      counters.add("member_frames_malformed");
      return;
    }
    const news = known.filter(
      (said) =>
        said.nodeId !== nodeId &&
        said.nodeId !== from &&
        isMember(said.nodeId) &&
        this.#book.overhear(said),
    );
    for (const said of news) {
      counters.add("member_addresses_overheard");
      learnt(said.nodeId, said.addresses);
    }
    this.#tellOthers(news, from);
  }

  /** The node is no member any more. */
  forget(nodeId: NodeId): void {
    this.#book.forget(nodeId);
  }

  #tellOthers(known: readonly KnownAddresses[], except: NodeId): void {
    for (const to of this.#options.transport.links()) if (to !== except) this.#tell(to, known);
  }

  /** Best effort: what is lost is told again at the next link. */
  #tell(to: NodeId, known: readonly KnownAddresses[]): void {
    for (const frame of encodeAddresses(known)) {
      this.#options.transport.send(to, Channel.control, frame);
    }
  }
}
