import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Log } from "#cluster";
import { readBeginning } from "../config/bounded-file.ts";
import { UsageError } from "../config/usage-error.ts";
import type { ClientAuth, TlsSettings } from "../listeners/listener.ts";
import { accessLimits } from "./limits.ts";

export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string | null;
  readonly clientAuth: ClientAuth;
}

/** Certificate and key of this node, as the files had them when they could last be used. */
export class TlsFiles {
  readonly paths: readonly string[];
  readonly #paths: TlsPaths;
  readonly #log: Log;
  #settings: TlsSettings;
  reloadsFailed = 0;

  /** Throws {@link UsageError} that names the option and the file. */
  constructor(paths: TlsPaths, log: Log) {
    this.#paths = paths;
    this.#log = log;
    this.#settings = read(paths);
    this.paths = [paths.certificate, paths.key, ...(paths.ca === null ? [] : [paths.ca])];
  }

  get settings(): TlsSettings {
    return this.#settings;
  }

  /** Takes the files as they are now; true when they are in use. */
  reload(): boolean {
    try {
      this.#settings = read(this.#paths);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.reloadsFailed++;
      const problem = error.message;
      this.#log.error({ problem }, "the TLS files cannot be used; the certificate stays as it was");
      return false;
    }
    this.#log.info({ certificate: this.#paths.certificate }, "the TLS files were read again");
    return true;
  }
}

function read(paths: TlsPaths): TlsSettings {
  const certificate = readPem("--tls-cert", paths.certificate);
  const key = readPem("--tls-key", paths.key);
  const ca = paths.ca === null ? null : readPem("--tls-ca", paths.ca);
  const own = certificateOf("--tls-cert", paths.certificate, certificate);
  if (ca !== null && paths.ca !== null) certificateOf("--tls-ca", paths.ca, ca);
  let isOwnKey: boolean;
  try {
    isOwnKey = own.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new UsageError(
      `--tls-key ${paths.key}: expected a private key in PEM, without a passphrase`,
    );
  }
  if (!isOwnKey) {
    throw new UsageError(`--tls-key ${paths.key}: is not the key of ${paths.certificate}`);
  }
  return { certificate, key, ca, clientAuth: paths.clientAuth };
}

function certificateOf(option: string, path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new UsageError(`${option} ${path}: expected certificates in PEM`);
  }
}

function readPem(option: string, path: string): string {
  try {
    return readBeginning(path, accessLimits.pemSizeBytesMax).toString("utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new UsageError(`${option} ${path}: cannot be read (${code})`);
  }
}
