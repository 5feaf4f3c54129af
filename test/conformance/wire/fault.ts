/** What the server sent breaks the specification. */
export class WireFault extends Error {}
