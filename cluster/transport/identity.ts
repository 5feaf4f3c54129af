import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { ClusterError } from "../errors.ts";
import type { NodeId } from "../node-id.ts";
import { syncDirectory } from "../storage/floor-file.ts";

/** Who this node is: an Ed25519 key pair (RFC 8032) and the node id that follows from it. */
export interface Identity {
  readonly nodeId: NodeId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes; never leaves the process except into `node.key`. */
  readonly seed: Uint8Array;
}

const keyFile = "node.key";

/** The first 16 bytes of the SHA-256 of the raw public key, as lower-case hex. */
export function nodeIdOf(publicKey: Uint8Array): NodeId {
  return createHash("sha256").update(publicKey).digest("hex").slice(0, 32);
}

/**
 * Reads `<dataDir>/node.key` (PKCS #8, PEM), or makes and syncs a new one when there is none.
 * Throws `storage-corrupt` when the file is there but holds no Ed25519 key: a silent new key would be a new node.
 */
export async function loadIdentity(dataDir: string): Promise<Identity> {
  const path = join(dataDir, keyFile);
  const pem = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new ClusterError(
      "storage-failed",
      `cannot read ${path}: ${error.message}`,
      { path },
      error,
    );
  });
  return pem === null ? createIdentity(dataDir) : parseIdentity(path, pem);
}

/** Sets the old key aside as `node.key.<suffix>` and makes a new one: the directory is a new node from now on. */
export async function renewIdentity(dataDir: string, suffix: string): Promise<Identity> {
  const path = join(dataDir, keyFile);
  await rename(path, `${path}.${suffix}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  return createIdentity(dataDir);
}

/** A key pair that is not on any disk: for simulations and tests. */
export function generateIdentity(): Identity {
  return identityOf(generateKeyPairSync("ed25519").privateKey);
}

async function createIdentity(dataDir: string): Promise<Identity> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync("ed25519");
  const path = join(dataDir, keyFile);
  const temporary = `${path}.${randomBytes(6).toString("hex")}.new`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(privateKey.export({ type: "pkcs8", format: "pem" }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dataDir);
  return identityOf(privateKey);
}

function parseIdentity(path: string, pem: string): Identity {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return identityOf(key);
    throw new Error(`it holds a key of type ${key.asymmetricKeyType}, not ed25519`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ClusterError(
      "storage-corrupt",
      `${path} holds no usable key: ${reason}`,
      { path },
      cause,
    );
  }
}

function identityOf(privateKey: KeyObject): Identity {
  const seed = Buffer.from(privateKey.export({ format: "jwk" }).d ?? "", "base64url");
  const publicKey = Buffer.from(
    createPublicKey(privateKey).export({ format: "jwk" }).x ?? "",
    "base64url",
  );
  return { nodeId: nodeIdOf(publicKey), publicKey, seed };
}
