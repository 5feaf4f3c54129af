import { noise } from "@chainsafe/libp2p-noise";
import type { ConnectionEncrypter, MultiaddrConnection } from "@libp2p/interface";
import { noiseCrypto } from "./libp2p-cipher.ts";
import { writeWhole } from "./libp2p-write.ts";

type NoiseFactory = ReturnType<typeof noise>;

/** What takes the encrypted frames of a connection apart. */
interface Decoding {
  readonly decoder?: { lengthDecoder(bytes: { readonly byteLength: number }): number };
}

/** One for all: nobody looks at it, so that it need not collect the stack anew. */
const nothingMore = new RangeError("the length of the next frame is not there yet");
const lengthSizeBytes = 2;

/** libp2p asks for the length of a further frame after each one, and learns from an exception that there is none. */
function endQuietly<Secured extends { readonly connection: unknown }>(secured: Secured): Secured {
  const { decoder } = secured.connection as Decoding;
  if (decoder !== undefined) {
    const lengthOf = decoder.lengthDecoder.bind(decoder);
    decoder.lengthDecoder = (bytes) => {
      if (bytes.byteLength < lengthSizeBytes) throw nothingMore;
      return lengthOf(bytes);
    };
  }
  return secured;
}

/**
 * Noise XX with the cluster secret in its prologue: two nodes with different secrets fail in the middle of the
 * handshake, the dialling one because it cannot decrypt the answer, the other because the connection then ends.
 * `onInboundFailure` is the only place where libp2p tells the accepting side about it.
 */
export function noiseWithSecret(
  prologueBytes: Uint8Array,
  onInboundFailure: (remoteAddress: string) => void,
): NoiseFactory {
  const create = noise({ prologueBytes, crypto: noiseCrypto });
  return (components) => {
    const encrypter = create(components);
    const secureInbound: typeof encrypter.secureInbound = async (connection, options) => {
      writeWhole(connection);
      try {
        return endQuietly(await encrypter.secureInbound(connection, options));
      } catch (error) {
        onInboundFailure((connection as MultiaddrConnection).remoteAddr.toString());
        throw error;
      }
    };
    const secureOutbound: typeof encrypter.secureOutbound = async (connection, options) => {
      writeWhole(connection);
      return endQuietly(await encrypter.secureOutbound(connection, options));
    };
    return {
      ...encrypter,
      protocol: encrypter.protocol,
      secureInbound,
      secureOutbound,
    } as ConnectionEncrypter<unknown> as ReturnType<NoiseFactory>;
  };
}

/** Noise's own words when the peer's first encrypted message cannot be read: another prologue, hence another secret. */
export function isSecretMismatch(error: unknown): boolean {
  return error instanceof Error && /handshake stage \d validation fail/.test(error.message);
}
