// Wake-word detection in the browser; no audio leaves it.
//
//   import { Detector, load, openMicrophone } from "./wakeword.js";
//
//   const detector = new Detector(await load("model.onnx"));
//   await openMicrophone(async (samples) => {
//     for (const { keyword, score, time } of await detector.feed(samples)) {
//       console.log(keyword, score, time);
//     }
//   });

import { BlockBuffer } from "./blocks.js";
import { WakewordError } from "./errors.js";
import { SAMPLE_RATE } from "./resampling.js";
import { Trigger, resolveThresholds } from "./trigger.js";

export { WakewordError } from "./errors.js";
export { openMicrophone } from "./microphone.js";
export { load } from "./model.js";
export { SAMPLE_RATE } from "./resampling.js";

/**
 * Detects the keywords of one live stream; any number of detectors share a model.
 *
 * The pieces in which the samples come do not change the detections.
 */
export class Detector {
  #stream;
  #last = Promise.resolve(); // blocks are computed in their order

  /**
   * @param model from `load`
   * @param options `threshold`: for every keyword, or by keyword; null takes those of the model, and
   *   0 detects every local peak of the score. `rate`: of the samples, in Hz
   */
  constructor(model, { threshold = null, rate = SAMPLE_RATE } = {}) {
    if (typeof model?.step !== "function") {
      throw new WakewordError(
        "a Detector takes a model, not the address of its file. Load it first: " +
          "new Detector(await load(address)).",
      );
    }
    this.model = model;
    this.rate = rate;
    this.thresholds = resolveThresholds(model, threshold);
    this.reset();
  }

  /** The latest score of each keyword. */
  get scores() {
    return this.#stream.trigger.scores;
  }

  /** Start a new stream: what follows gives the detections of a new detector. */
  reset() {
    this.#stream = {
      blocks: new BlockBuffer(this.model, this.rate),
      trigger: new Trigger(this.model, this.thresholds),
      state: null, // of the model
    };
  }

  /**
   * Take the next samples of the stream; calls need not wait for each other.
   * @param samples Float32Array in [-1, 1] or Int16Array, of one channel and any length
   * @returns a promise of the detections up to the end of these samples, in order of time
   */
  async feed(samples) {
    return this.#run(this.#stream.blocks.push(samples));
  }

  /** End the stream: return what still waits for audio, as if silence followed. */
  async flush() {
    return this.#run(this.#stream.blocks.finish());
  }

  #run(blocks) {
    const stream = this.#stream;
    const detections = this.#last.then(async () => {
      const found = [];
      for (const block of blocks) {
        const [logits, state] = await this.model.step(block, stream.state);
        stream.state = state;
        found.push(...stream.trigger.run(logits));
      }
      return found;
    });
    this.#last = detections.catch(() => {});
    return detections;
  }
}
