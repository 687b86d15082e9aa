import { createHash } from 'node:crypto';

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const TWO_TO_32 = 2 ** 32;

/** Random numbers that are the same for the same seed on every machine (sfc32, seeded through SHA-256). */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: string) {
    const digest = createHash('sha256').update(seed).digest();
    this.#a = digest.readInt32LE(0);
    this.#b = digest.readInt32LE(4);
    this.#c = digest.readInt32LE(8);
    this.#counter = digest.readInt32LE(12);
  }

  /** 0 … 2^32 − 1. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** 0 ≤ fraction < 1. */
  fraction(): number {
    return this.uint32() / TWO_TO_32;
  }

  /** A whole number from 0 to `bound` − 1. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Cents from `min` to `max`, both included. */
  cents(min: bigint, max: bigint): bigint {
    return min + BigInt(this.below(Number(max - min + 1n)));
  }

  /** Version 4, lower case. */
  uuid(): string {
    const p = this.uint32();
    const q = (this.uint32() & 0xffff0fff) | 0x00004000;
    const r = (this.uint32() & 0x3fffffff) | 0x80000000;
    return `${hex(p)}-${half(q >>> 16)}-${half(q)}-${half(r >>> 16)}-${half(r)}${hex(this.uint32())}`;
  }
}

function half(word: number): string {
  return `${HEX[(word >>> 8) & 255] ?? ''}${HEX[word & 255] ?? ''}`;
}

function hex(word: number): string {
  return half(word >>> 16) + half(word);
}
