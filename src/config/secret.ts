import { randomBytes } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readBeginning } from "./bounded-file.ts";
import type { LoadedConfig } from "./config.ts";
import { UsageError } from "./usage-error.ts";

const secretSizeBytesMin = 16;
const secretSizeBytesMax = 4096;
/** A secret and the line ends around it; more is cut, and too long anyway. */
const fileSizeBytesMax = 2 * secretSizeBytesMax;

export interface ClusterSecret {
  readonly bytes: Uint8Array;
  /** Where it was read; null when the environment gave it. */
  readonly path: string | null;
  readonly isNew: boolean;
  readonly warnings: readonly string[];
}

export interface SecretRequest {
  /** `FLOCKMQ_CLUSTER_SECRET`. */
  readonly text: string | null;
  /** `--cluster-secret-file`. */
  readonly file: string | null;
  readonly dataRoot: string;
}

/** What `config` says about the secret: a flag over the environment over a file, as for every option. */
export function secretRequest({ config, sources }: LoadedConfig, dataRoot: string): SecretRequest {
  const isFileChosen = config.clusterSecret === null || sources.clusterSecretFile === "flag";
  return {
    text: config.clusterSecret,
    file: isFileChosen ? config.clusterSecretFile : null,
    dataRoot,
  };
}

export function defaultSecretPath(dataRoot: string): string {
  return join(dataRoot, "cluster.secret");
}

/** The secret that the nodes of a cluster share. Without a file or a text the data root's file is used, and made at the first start. */
export function loadSecret(request: SecretRequest): ClusterSecret {
  if (request.file !== null) {
    return readSecret(request.file, "--cluster-secret-file");
  }
  if (request.text !== null) {
    const bytes = checkSecret(request.text, "FLOCKMQ_CLUSTER_SECRET");
    return { bytes, path: null, isNew: false, warnings: [] };
  }
  const path = defaultSecretPath(request.dataRoot);
  const isNew = createSecret(path);
  return { ...readSecret(path, "cluster secret"), isNew };
}

/**
 * Writes a new secret unless the file exists; answers whether it did. Nodes that start at the same moment agree on the
 * one whose link came first, and nobody ever reads a half-written file.
 */
export function createSecret(path: string): boolean {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) {
      return false;
    }
    writeFileSync(temporary, `${randomBytes(32).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
    chmodSync(temporary, 0o600);
  } catch (error) {
    throw new UsageError(`cluster secret: cannot create ${path} (${codeOf(error)})`, 1);
  }
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") {
      return false;
    }
    throw new UsageError(`cluster secret: cannot create ${path} (${codeOf(error)})`, 1);
  } finally {
    unlinkSync(temporary);
  }
}

function readSecret(path: string, name: string): ClusterSecret {
  let text: string;
  let isReadableByOthers: boolean;
  try {
    text = readBeginning(path, fileSizeBytesMax).toString("utf8");
    isReadableByOthers = process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0;
  } catch (error) {
    throw new UsageError(`${name}: cannot read ${path} (${codeOf(error)})`);
  }
  const bytes = checkSecret(text, `${name} ${path}`);
  const warnings = isReadableByOthers
    ? [`${path} can be read by other users: anyone who reads it can join the cluster (chmod 600)`]
    : [];
  return { bytes, path, isNew: false, warnings };
}

/** Line ends around a secret come from editors and `echo`, and are no part of it. */
function checkSecret(text: string, name: string): Uint8Array {
  const bytes = Buffer.from(text.trim(), "utf8");
  if (bytes.length < secretSizeBytesMin || bytes.length > secretSizeBytesMax) {
    throw new UsageError(
      `${name}: expected a secret of ${secretSizeBytesMin} to ${secretSizeBytesMax} bytes, not ${bytes.length}`,
    );
  }
  return bytes;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
