// Resampling of a stream to 16 kHz by a polyphase filter: a sinc in a Kaiser window.

import { WakewordError } from "./errors.js";

/** The sample rate of every model, in Hz. */
export const SAMPLE_RATE = 16000;

const STOPBAND_DB = 100;
const PASSBAND = 0.91; // of half the lower rate; the stopband begins at the whole of it
const KAISER_BETA = 0.1102 * (STOPBAND_DB - 8.7);

/**
 * Converts a stream of any rate to 16 kHz; the joined output does not depend on the pieces.
 *
 * Output sample n is at the time of input sample n · rate / 16000: the filter has no delay, it waits
 * for the samples after that time.
 */
export class StreamResampler {
  #up;
  #down;
  #halfWidth; // of the filter, in samples of the input
  #cutoff; // in cycles per sample of the input
  #phases = new Map(); // coefficients by the position between two samples of the input
  #pending; // samples of the input that later outputs need
  #start; // of `#pending`, as a number of the stream's sample
  #received = 0;
  #sent = 0;

  /** @param rate of the stream, in Hz */
  constructor(rate) {
    if (!(Number.isInteger(rate) && rate >= 1000 && rate <= 768000)) {
      throw new WakewordError(
        `a sample rate of ${rate} Hz is out of range: expected 8000 to 192000 Hz, a whole number. ` +
          "Give the sampleRate of the AudioContext.",
      );
    }
    const divisor = greatestCommonDivisor(rate, SAMPLE_RATE);
    [this.#up, this.#down] = [SAMPLE_RATE / divisor, rate / divisor];
    const nyquist = Math.min(rate, SAMPLE_RATE) / 2 / rate;
    const transition = nyquist * (1 - PASSBAND);
    this.#cutoff = nyquist - transition / 2;
    this.#halfWidth = Math.ceil((STOPBAND_DB - 7.95) / (14.36 * transition) / 2);
    this.#pending = new Float32Array(this.#halfWidth); // silence before the stream
    this.#start = -this.#halfWidth;
  }

  /**
   * Convert the next samples.
   * @param samples Float32Array
   * @param last whether the stream ends: return what the filter still holds, too
   */
  feed(samples, last = false) {
    if (this.#up === this.#down) return samples;
    this.#received += samples.length;
    const after = last ? new Float32Array(this.#halfWidth) : new Float32Array(0);
    this.#pending = concatenate(this.#pending, samples, after);
    const until = last ? this.#received : this.#received - this.#halfWidth; // of the input
    const total = Math.max(this.#sent, Math.ceil((until * this.#up) / this.#down));
    const output = new Float32Array(total - this.#sent);
    for (let i = 0; i < output.length; i++) output[i] = this.#sample(this.#sent + i);
    this.#sent = total;
    this.#forget();
    return output;
  }

  #sample(number) {
    const position = number * this.#down;
    const phase = position % this.#up;
    const coefficients = this.#coefficients(phase);
    const first = (position - phase) / this.#up - this.#halfWidth + 1 - this.#start;
    let sum = 0;
    for (let i = 0; i < coefficients.length; i++) sum += coefficients[i] * this.#pending[first + i];
    return sum;
  }

  /** Return the filter around an output that lies `phase` / `#up` samples after one of the input. */
  #coefficients(phase) {
    if (!this.#phases.has(phase)) {
      const values = Float64Array.from({ length: 2 * this.#halfWidth }, (_, i) => {
        const distance = i + 1 - this.#halfWidth - phase / this.#up;
        return this.#response(distance);
      });
      const gain = values.reduce((sum, value) => sum + value, 0);
      this.#phases.set(phase, values.map((value) => value / gain));
    }
    return this.#phases.get(phase);
  }

  #response(distance) {
    const angle = 2 * Math.PI * this.#cutoff * distance;
    const inside = Math.max(0, 1 - (distance / this.#halfWidth) ** 2);
    return (angle ? Math.sin(angle) / angle : 1) * besselI0(KAISER_BETA * Math.sqrt(inside));
  }

  #forget() {
    const next = Math.floor((this.#sent * this.#down) / this.#up) - this.#halfWidth + 1;
    const used = Math.min(this.#pending.length, Math.max(0, next - this.#start));
    this.#pending = this.#pending.slice(used);
    this.#start += used;
  }
}

/** Join arrays of samples. */
export function concatenate(...arrays) {
  const joined = new Float32Array(arrays.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of arrays) {
    joined.set(each, at);
    at += each.length;
  }
  return joined;
}

function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}

/** The modified Bessel function of the first kind and order 0, by its power series. */
function besselI0(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
