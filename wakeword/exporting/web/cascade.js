// The two stages of a detector: a gate that always runs, and a verifier that it calls. The rules are
// those of wakeword/model/cascade.py. Logits are rows, one per frame, of one number per keyword.

/** Final logit of frames that the verifier is not called for. */
export const CLOSED_LOGIT = -20;

/** The rules by which two stages become one stream of final logits. */
export class Cascade {
  #config;
  #gateLogits;
  #smoothing;
  #reach;
  #interval;
  #verifierSmoothing;
  #verifierReach;

  /**
   * @param config thresholds, weights and times, as in the metadata of a model
   * @param keywords of both stages, in the order of the logits
   * @param frameS seconds between two logits of the gate
   * @param verifierFrameS seconds between two logits of the verifier
   */
  constructor(config, keywords, frameS, verifierFrameS) {
    this.#config = config;
    this.#smoothing = toFrames(config.smoothing_s, frameS);
    this.#reach = toFrames(config.reach_s, frameS);
    this.#interval = toFrames(config.interval_s, frameS);
    this.#verifierSmoothing = toFrames(config.smoothing_s, verifierFrameS);
    this.#verifierReach = toFrames(config.reach_s, verifierFrameS);
    const scores = keywords.map((keyword) => config.gate_thresholds[keyword]);
    this.#gateLogits = scores.map((score) => Math.log(score) - Math.log1p(-score));
  }

  /** Frames of one window that the verifier must give, at least. */
  get verifierFrames() {
    return this.#verifierSmoothing;
  }

  /**
   * Take the gate's logits of the next block of a stream.
   * @param block samples at 16 kHz
   * @param gateLogits of the gate for this block
   * @param gate state of the gate's network after it; kept for the caller
   * @param window samples that the verifier takes
   * @param state what `finish` returned for the block before; null starts a stream
   * @returns what `finish` needs: the call of the verifier at the end of the block, or null, with
   *   the samples that it takes
   */
  begin(block, gateLogits, gate, window, state) {
    const closed = new Array(this.#gateLogits.length).fill(CLOSED_LOGIT);
    state ??= { gate: null, calls: null, recent: new Float32Array(window), held: closed, hold: 0 };
    const [call, calls] = this.#call(gateLogits, state.calls);
    const recent = lastSamples(state.recent, block);
    const logits = gateLogits.map((_, frame) => (frame < state.hold ? state.held : closed));
    const hold = Math.max(0, state.hold - gateLogits.length);
    return { call, logits, window: recent, state: { gate, calls, recent, held: state.held, hold } };
  }

  /**
   * Compute the final logits of a block.
   * @param started from `begin`
   * @param verifier logits of the verifier for `started.window`; not needed where there is no call
   * @returns the logits, and the state for the next block
   */
  finish({ call, logits, state }, verifier) {
    if (!call) return [logits, state];
    const held = this.#fuse(call.gate, this.#highest(verifier));
    logits[call.frame] = held;
    return [logits, { ...state, held, hold: this.#interval }];
  }

  /** Decide whether the verifier is called at the end of a block. */
  #call(logits, state) {
    if (!logits.length) return [null, state];
    state ??= {
      logits: new Array(this.#smoothing - 1).fill(logits[0]),
      wait: 0,
      called: logits[0].map(() => CLOSED_LOGIT),
    };
    const past = [...state.logits, ...logits];
    let wait = Math.max(0, state.wait - logits.length);
    let called = state.called;
    let call = null;
    const smoothed = movingMean(past, this.#smoothing);
    if (smoothed.slice(-logits.length).some((row) => this.#reachesGate(row))) {
      const highest = maxima(smoothed.slice(-this.#reach));
      const gate = highest.map((logit, k) => (logit >= this.#gateLogits[k] ? logit : CLOSED_LOGIT));
      const isRising = gate.some((logit, k) => logit >= called[k] + this.#config.rise);
      if (!wait || isRising) {
        call = { frame: logits.length - 1, gate };
        wait = this.#interval;
        called = gate;
      }
    }
    return [call, { logits: past.slice(-(this.#smoothing - 1 + this.#reach)), wait, called }];
  }

  #reachesGate(row) {
    return row.some((logit, k) => logit >= this.#gateLogits[k]);
  }

  #fuse(gate, verifier) {
    const { gate_weight, verifier_weight, bias } = this.#config;
    return gate.map((logit, k) =>
      logit > CLOSED_LOGIT ? gate_weight * logit + verifier_weight * verifier[k] + bias : logit,
    );
  }

  #highest(logits) {
    return maxima(movingMean(logits, this.#verifierSmoothing).slice(-this.#verifierReach));
  }
}

/** Return a time in frames, at least one; halves are rounded to even, as in Python. */
export function toFrames(seconds, frameS) {
  const frames = seconds / frameS;
  const below = Math.floor(frames);
  const isHalf = frames - below === 0.5;
  return Math.max(1, isHalf ? below + (below % 2) : Math.round(frames));
}

/** Return the means over `frames` successive rows: U rows become U - frames + 1. */
export function movingMean(logits, frames) {
  return logits.slice(frames - 1).map((row, first) =>
    row.map((_, k) => {
      let total = logits[first][k];
      for (let next = 1; next < frames; next++) total += logits[first + next][k];
      return total / frames;
    }),
  );
}

function maxima(rows) {
  return rows[0].map((_, k) => Math.max(...rows.map((row) => row[k])));
}

/** Return the last samples, as many as before, of these and of those that follow. */
function lastSamples(samples, next) {
  const last = new Float32Array(samples.length);
  const kept = Math.max(0, samples.length - next.length);
  last.set(samples.subarray(samples.length - kept));
  last.set(next.subarray(Math.max(0, next.length - samples.length)), kept);
  return last;
}
