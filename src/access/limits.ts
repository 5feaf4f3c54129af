/** Bounds of who may come in; `docs/limits.md` says what happens at each. */
export const accessLimits = {
  /** Of the users file. Beyond: it is not taken. */
  usersFileSizeBytesMax: 32 * 1024 * 1024,
  usersMax: 100_000,
  /** Rules of one user, and of everybody. */
  rulesMax: 1_000,
  nameSizeBytesMax: 1_024,
  /** RFC 7677 asks for 4096 at least; one check of a password costs this much work. */
  iterationsMin: 4_096,
  iterationsMax: 1_000_000,
  saltSizeBytesMin: 8,
  saltSizeBytesMax: 64,
  /** Longer passwords are wrong ones. */
  passwordSizeBytesMax: 4_096,
  /** Password checks at once: the threads that do them also read and write the disk. */
  checksAtOnceMax: 2,
  /** Password checks that wait. Beyond: CONNACK 0x89. */
  checksWaitingMax: 1_000,
  /** Users whose right password is remembered, so that its next use costs no work. */
  rememberedMax: 100_000,
  /** Authentication Data of one AUTH packet or CONNECT. Longer: not authorized. */
  dataSizeBytesMax: 8_192,
  /** Of a certificate, a key or certificates of authorities; the rest is not read. */
  pemSizeBytesMax: 1024 * 1024,
  /** How often files are looked at for changes. */
  filesCheckMs: 2_000,
} as const;
