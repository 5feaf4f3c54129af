import type { ApplicationMessage } from "../mqtt/message.ts";
import { copyPayload, messageSizeOf } from "../mqtt/passing-message.ts";
import { ByteWriter } from "../replica/byte-writer.ts";
import { writeMessageHead } from "../replica/message-codec.ts";
import { forwardFlags, forwardFormatVersion } from "./forward-codec.ts";

/** Memory that was needed for a larger message is not kept. */
const keptSizeBytesMax = 64 * 1024;
const initialSizeBytes = 4 * 1024;

/**
 * Writes messages for the ordinary subscribers of other nodes, one after the other into the same memory. What was read of a publisher at
 * once differs in the payload only, mostly: then everything before it stays as it is.
 */
export class ForwardEncoder {
  #writer = new ByteWriter(initialSizeBytes);
  /** Of the message whose head stands in the writer; 0: none does. */
  #headSizeBytes = 0;
  #topic = "";
  #publisherId = "";
  #receivedAtMs = 0;
  #version = 0;
  #qos = 0;
  #isRetained = false;

  /** Valid until the next call. */
  encode(message: ApplicationMessage): Buffer {
    const writer = this.#writer;
    if (this.#isHeadOf(message)) writer.rewind(this.#headSizeBytes);
    else this.#writeHead(message);
    const at = writer.room(messageSizeOf(message));
    copyPayload(message, writer.memory, at);
    const frame = writer.finish();
    if (frame.length > keptSizeBytesMax) {
      this.#writer = new ByteWriter(initialSizeBytes);
      this.#headSizeBytes = 0;
    }
    return frame;
  }

  #isHeadOf(message: ApplicationMessage): boolean {
    return (
      this.#headSizeBytes > 0 &&
      message.properties === null &&
      message.receivedAtMs === this.#receivedAtMs &&
      message.version === this.#version &&
      message.qos === this.#qos &&
      message.retain === this.#isRetained &&
      message.publisherId === this.#publisherId &&
      message.topic === this.#topic
    );
  }

  #writeHead(message: ApplicationMessage): void {
    const writer = this.#writer;
    // Whatever happens until it stands there: no message has it.
    this.#headSizeBytes = 0;
    writer.rewind(0);
    writer.byte(forwardFormatVersion);
    writer.byte(forwardFlags.plain);
    writer.number(0);
    writer.string(message.topic);
    writer.number(message.version);
    writeMessageHead(writer, message);
    this.#headSizeBytes = message.properties === null ? writer.sizeBytes : 0;
    this.#topic = message.topic;
    this.#publisherId = message.publisherId;
    this.#receivedAtMs = message.receivedAtMs;
    this.#version = message.version;
    this.#qos = message.qos;
    this.#isRetained = message.retain;
  }
}
