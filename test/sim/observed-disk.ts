import { MemoryDisk } from "../../cluster/storage/memory-disk.ts";
import type { StorageChange } from "../../cluster/storage/storage.ts";
import type { DurableImage } from "./durable-image.ts";

/** A memory disk, and beside it what the checks must know of what is durable on it. */
export class ObservedDisk extends MemoryDisk {
  readonly #image: DurableImage;

  constructor(image: DurableImage) {
    super();
    this.#image = image;
  }

  /** One change of a batch becomes durable. */
  override apply(change: StorageChange): void {
    super.apply(change);
    this.#image.change(change);
  }
}
