import type { Line } from "../../src/api/live/line.ts";
import type { LivePacket } from "../../src/api/live/packet.ts";

/** A viewer's line without a socket; a test says how much of what was sent it holds back. */
export class FakeLine implements Line {
  bufferedSizeBytes = 0;
  isOpen = true;
  readonly packets: LivePacket[] = [];
  readonly events: string[] = [];
  #pong: () => void = () => undefined;
  #close: () => void = () => undefined;

  get sent(): readonly Record<string, unknown>[] {
    return this.packets.map((packet) => JSON.parse(String(packet.webSocketText)));
  }

  /** What came since the last call. */
  take(): readonly Record<string, unknown>[] {
    const { sent } = this;
    this.packets.length = 0;
    return sent;
  }

  send(packet: LivePacket): void {
    this.packets.push(packet);
  }

  gather(work: () => void): void {
    work();
  }

  ping(): void {
    this.events.push("ping");
  }

  onPong(handler: () => void): void {
    this.#pong = handler;
  }

  onClose(handler: () => void): void {
    this.#close = handler;
  }

  close(code: number): void {
    this.isOpen = false;
    this.events.push(`close ${code}`);
  }

  terminate(): void {
    this.isOpen = false;
    this.events.push("terminate");
  }

  pong(): void {
    this.#pong();
  }

  vanish(): void {
    this.isOpen = false;
    this.#close();
  }
}
