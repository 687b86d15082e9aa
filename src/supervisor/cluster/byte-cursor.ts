/** Bytes that are not what they claim to be. Never leaves the decoder. */
export class MalformedBytes extends Error {}

/** Reads a buffer from front to back and throws `MalformedBytes` instead of reading beyond its end. Big-endian. */
export class ByteCursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#step(1));
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#step(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#step(4));
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#step(8));
  }

  /** A whole number that a double holds exactly. */
  integer(min: number): number {
    const value = this.#bytes.readDoubleBE(this.#step(8));
    if (!Number.isSafeInteger(value) || value < min) throw new MalformedBytes(`${value} is no such integer`);
    return value;
  }

  /** Not negative; may have a fraction. */
  timeMs(): number {
    const value = this.#bytes.readDoubleBE(this.#step(8));
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new MalformedBytes(`${value} is no time`);
    return value;
  }

  /** Text of 1 to 255 bytes. */
  name(): string {
    const length = this.u8();
    if (length === 0) throw new MalformedBytes('an empty name');
    const start = this.#step(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  /** Not a copy. */
  bytes(length: number): Buffer {
    const start = this.#step(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Of a list with entries of at least this size: so many cannot be there, so they are not looked for. */
  require(bytes: number): void {
    if (bytes > this.#bytes.length - this.#at) throw new MalformedBytes('shorter than it says');
  }

  end(): void {
    if (this.#at !== this.#bytes.length)
      throw new MalformedBytes(`${this.#bytes.length - this.#at} bytes too many`);
  }

  #step(bytes: number): number {
    this.require(bytes);
    const start = this.#at;
    this.#at += bytes;
    return start;
  }
}
