// From logits to detections, by the rules of wakeword/detection/trigger.py: smoothing, threshold and
// refractory time, counted in frames. Logits are rows, one per frame, of one number per keyword.

import { movingMean, toFrames } from "./cascade.js";
import { WakewordError } from "./errors.js";

const LATENCY_S = 0.1; // from the end of a keyword to its detection, where the model states none
const DURATION_S = 0.6; // of a keyword, likewise

/** The trigger of one stream. */
export class Trigger {
  #model;
  #thresholds; // in the order of the keywords
  #smoothing;
  #refractory;
  #logits = []; // fewer than `#smoothing`, for the running mean
  #scores = []; // the last two, for peaks
  #frame = 0;
  #lastEvents;

  /**
   * @param model names the keywords and holds the operating point
   * @param thresholds by keyword; with 0 every local peak is a detection
   */
  constructor(model, thresholds) {
    const { smoothing_s, refractory_s } = model.operatingPoint;
    this.#model = model;
    this.#thresholds = model.keywords.map((keyword) => thresholds[keyword]);
    this.#smoothing = toFrames(smoothing_s, model.frameS);
    this.#refractory = toFrames(refractory_s, model.frameS);
    this.#lastEvents = model.keywords.map(() => -this.#refractory);
  }

  /** The latest score of each keyword. */
  get scores() {
    const latest = this.#scores.at(-1);
    return Object.fromEntries(this.#model.keywords.map((name, k) => [name, latest?.[k] ?? 0]));
  }

  /** Return the detections in the next logits of the stream. */
  run(logits) {
    if (!logits.length) return [];
    const padded = [...this.#logits, ...logits];
    const scores = smooth(padded, this.#smoothing).slice(this.#logits.length);
    const events = this.#thresholds
      .flatMap((threshold, k) => (threshold > 0 ? this.#rises(scores, k) : this.#peaks(scores, k)))
      .sort((one, other) => one.frame - other.frame || one.k - other.k);
    this.#logits = padded.slice(padded.length - Math.min(padded.length, this.#smoothing - 1));
    this.#scores = [...this.#scores, ...scores].slice(-2);
    this.#frame += logits.length;
    return events.map((event) => this.#toDetection(event));
  }

  /** Return an event as a detection: the time is the end of the frame. */
  #toDetection({ frame, k, score }) {
    const { keywords, frameS, operatingPoint } = this.#model;
    const keyword = keywords[k];
    const time = rounded((frame + 1) * frameS);
    const end = Math.max(0, time - (operatingPoint.latency_s?.[keyword] ?? LATENCY_S));
    const start = Math.max(0, end - (operatingPoint.duration_s?.[keyword] ?? DURATION_S));
    return { keyword, score, time, start: rounded(start), end: rounded(end) };
  }

  /** Return the frames at which a score rises to its threshold after the refractory time. */
  #rises(scores, k) {
    const events = [];
    let before = this.#scores.at(-1)?.[k] ?? -1;
    scores.forEach(({ [k]: score }, i) => {
      const rises = score >= this.#thresholds[k] && !(before >= this.#thresholds[k]);
      before = score;
      const frame = this.#frame + i;
      if (rises && frame - this.#lastEvents[k] >= this.#refractory) {
        this.#lastEvents[k] = frame;
        events.push({ frame, k, score });
      }
    });
    return events;
  }

  /** Return the frames above both neighbours; the last frame waits for its right one. */
  #peaks(scores, k) {
    const padded = [...this.#scores, ...scores].map((row) => row[k]);
    const first = this.#frame - this.#scores.length;
    return padded
      .map((score, i) => ({ frame: first + i, k, score }))
      .filter(({ score }, i) => score > padded[i - 1] && score >= padded[i + 1]);
  }
}

/** Return seconds rounded to a microsecond. */
function rounded(seconds) {
  return Number(seconds.toFixed(6));
}

/** Return scores: the sigmoid of the mean over the last `frames` logits. */
function smooth(logits, frames) {
  const padded = [...new Array(frames - 1).fill(logits[0]), ...logits];
  return movingMean(padded, frames).map((row) =>
    row.map((mean) => 1 / (1 + Math.exp(-Math.min(60, Math.max(-60, mean))))),
  );
}

/**
 * Return the threshold of each keyword.
 * @param model holds the default thresholds
 * @param threshold for every keyword, or by keyword; null takes those of the model
 */
export function resolveThresholds(model, threshold) {
  const { keywords, operatingPoint } = model;
  if (threshold === null || threshold === undefined) return { ...operatingPoint.thresholds };
  const chosen =
    typeof threshold === "object"
      ? threshold
      : Object.fromEntries(keywords.map((keyword) => [keyword, threshold]));
  for (const [keyword, value] of Object.entries(chosen)) {
    if (!keywords.includes(keyword)) {
      throw new WakewordError(`unknown keyword "${keyword}". Known: ${keywords.join(", ")}.`);
    }
    if (!(value >= 0 && value <= 1)) {
      throw new WakewordError(`a threshold of ${value}: expected 0 (every peak) to 1.`);
    }
  }
  return { ...operatingPoint.thresholds, ...chosen };
}
