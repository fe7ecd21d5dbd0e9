// From pieces of a stream, of any length and rate, to the blocks of samples that a model takes.

import { WakewordError } from "./errors.js";
import { StreamResampler, concatenate } from "./resampling.js";

/** Collects one stream into the blocks of a model, which do not depend on the pieces. */
export class BlockBuffer {
  #rate;
  #firstBlock;
  #block;
  #resampler;
  #pending = new Float32Array(0);
  #nextIsFirst = true;

  /**
   * @param model whose blocks are collected
   * @param rate of the stream, in Hz; samples are resampled to 16 kHz
   */
  constructor({ firstBlock, block }, rate) {
    [this.#rate, this.#firstBlock, this.#block] = [rate, firstBlock, block];
    this.#resampler = new StreamResampler(rate);
  }

  /** Append the next samples, and return the blocks that are complete. */
  push(samples) {
    return this.#append(this.#resampler.feed(toFloat32(samples)));
  }

  /** End the stream: return the blocks that remain, filled with silence. */
  finish() {
    const rest = this.#resampler.feed(new Float32Array(0), true);
    this.#resampler = new StreamResampler(this.#rate);
    return this.#append(concatenate(rest, new Float32Array(this.#firstBlock + this.#block)));
  }

  #append(samples) {
    const pending = concatenate(this.#pending, samples);
    const blocks = [];
    let at = 0;
    for (;;) {
      const size = this.#nextIsFirst ? this.#firstBlock : this.#block;
      if (pending.length - at < size) break;
      blocks.push(pending.slice(at, at + size));
      at += size;
      this.#nextIsFirst = false;
    }
    this.#pending = pending.slice(at);
    return blocks;
  }
}

/** Scale 16-bit integers to [-1, 1); other samples are returned in float32. */
function toFloat32(samples) {
  if (samples instanceof Float32Array) return samples;
  if (samples instanceof Int16Array) return Float32Array.from(samples, (value) => value / 32768);
  if (samples instanceof Float64Array) return Float32Array.from(samples);
  throw new WakewordError(
    `samples of type ${samples?.constructor?.name ?? typeof samples}: expected a Float32Array in ` +
      "[-1, 1] or an Int16Array, of one channel. Of an AudioBuffer, getChannelData(0) is one.",
  );
}
