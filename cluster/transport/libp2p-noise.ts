import { noise } from "@chainsafe/libp2p-noise";
import type { ConnectionEncrypter, MultiaddrConnection } from "@libp2p/interface";
import { writeWhole } from "./libp2p-write.ts";

type NoiseFactory = ReturnType<typeof noise>;

/**
 * Noise XX with the cluster secret in its prologue: two nodes with different secrets fail in the middle of the
 * handshake, the dialling one because it cannot decrypt the answer, the other because the connection then ends.
 * `onInboundFailure` is the only place where libp2p tells the accepting side about it.
 */
export function noiseWithSecret(
  prologueBytes: Uint8Array,
  onInboundFailure: (remoteAddress: string) => void,
): NoiseFactory {
  const create = noise({ prologueBytes });
  return (components) => {
    const encrypter = create(components);
    const secureInbound: typeof encrypter.secureInbound = async (connection, options) => {
      writeWhole(connection);
      try {
        return await encrypter.secureInbound(connection, options);
      } catch (error) {
        onInboundFailure((connection as MultiaddrConnection).remoteAddr.toString());
        throw error;
      }
    };
    const secureOutbound: typeof encrypter.secureOutbound = (connection, options) => {
      writeWhole(connection);
      return encrypter.secureOutbound(connection, options);
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
