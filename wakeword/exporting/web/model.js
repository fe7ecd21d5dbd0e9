// Exported models: samples in, one logit per keyword and frame out, as in wakeword/runtime.py.

import { Cascade } from "./cascade.js";
import { WakewordError } from "./errors.js";
import { readMetadata } from "./metadata.js";

const VERIFIED = "verified"; // output of the verifier
const OTHER_INPUTS = ["first", "samples", "verify", "window"]; // than states
const STATE_TYPES = { float32: Float32Array, int64: BigInt64Array };

let lastRun = Promise.resolve(); // onnxruntime-web computes one run at a time

/**
 * Load a model that `wakeword export` wrote.
 * @param source URL of the file, or its bytes
 * @param options `ort`: the module of onnxruntime-web, if not the default one
 */
export async function load(source, { ort } = {}) {
  const isAddress = typeof source === "string" || source instanceof URL;
  const name = isAddress ? String(source) : "model";
  const bytes = isAddress ? await fetchBytes(source) : new Uint8Array(source);
  const about = readMetadata(bytes, name);
  ort ??= await import("./onnxruntime.js");
  let session;
  try {
    session = await ort.InferenceSession.create(bytes, {
      executionProviders: ["wasm"],
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw new WakewordError(
      `${name}: cannot be opened by onnxruntime-web (${firstLine(error)}). Is the file complete, ` +
        "and are the .mjs and .wasm files of onnxruntime-web where it looks for them?",
      { cause: error },
    );
  }
  const model = about.twoStages
    ? new TwoStageModel(ort, session, about)
    : new SingleStageModel(ort, session, about);
  await model.check(name);
  return model;
}

/** What models of one stage and of two have in common. */
class ExportedModel {
  #session;
  #outputs;
  #stateNames;
  #noState;

  constructor(ort, session, about) {
    this.about = about;
    this.keywords = about.keywords;
    this.operatingPoint = about.operating_point;
    this.frameS = about.frame_s;
    this.firstBlock = about.first_block;
    this.block = about.block;
    this.ort = ort;
    this.otherInputs = {}; // than those of the gate
    this.#session = session;
    this.#outputs = session.outputNames.filter((name) => name !== VERIFIED);
    const states = session.inputMetadata.filter(({ name }) => !OTHER_INPUTS.includes(name));
    this.#stateNames = states.map(({ name }) => name);
    this.#noState = states.map(({ type, shape }) => {
      const size = shape.reduce((product, length) => product * length, 1);
      return new ort.Tensor(type, new STATE_TYPES[type](size), shape);
    });
  }

  /** Return the inputs of the graph for the next block of a stream; null starts one. */
  inputs(samples, state) {
    const states = state ?? this.#noState;
    return {
      first: this.flag(!state),
      samples: this.tensor(samples),
      ...Object.fromEntries(this.#stateNames.map((name, i) => [name, states[i]])),
      ...this.otherInputs,
    };
  }

  /** Compute the logits of the next block, of the gate where there is one: [rows, next state]. */
  async runBlock(samples, state) {
    const results = await this.run(this.inputs(samples, state), this.#outputs);
    const [logits, ...next] = this.#outputs.map((name) => results[name]);
    return [toRows(logits), next];
  }

  /** Run the graph after all runs before this one, of any model. */
  run(inputs, outputs) {
    const run = () => this.#session.run(inputs, outputs);
    const result = lastRun.then(run);
    lastRun = result.catch(() => {});
    return result;
  }

  /** Check that the graph takes two blocks and gives a logit for each keyword. */
  async check(name) {
    let state = null;
    for (const size of [this.firstBlock, this.block]) {
      let logits;
      try {
        [logits, state] = await this.runBlock(new Float32Array(size), state);
      } catch (error) {
        throw misfit(name, firstLine(error));
      }
      this.checkRows(name, logits);
    }
  }

  checkRows(name, logits) {
    const keywords = this.keywords.length;
    if (logits.some((row) => row.length !== keywords)) {
      throw misfit(name, `logits of ${logits[0].length} for ${keywords} keywords`);
    }
  }

  flag(value) {
    return new this.ort.Tensor("bool", [value], []);
  }

  tensor(samples) {
    return new this.ort.Tensor("float32", samples, [1, samples.length]);
  }
}

/** An exported model of one stage. */
class SingleStageModel extends ExportedModel {
  /** Compute the logits of the next block of a stream: [rows, next state]. */
  step(block, state) {
    return this.runBlock(block, state);
  }
}

/** An exported model of two stages: a gate, and a verifier that it calls. */
class TwoStageModel extends ExportedModel {
  #cascade;
  #noBlock;

  constructor(ort, session, about) {
    super(ort, session, about);
    this.window = about.window;
    this.#cascade = new Cascade(about.cascade, this.keywords, this.frameS, about.verifier_frame_s);
    const silence = this.tensor(new Float32Array(this.window));
    this.otherInputs = { verify: this.flag(false), window: silence };
    // the gate is computed in every run: in one of the verifier, for this block
    this.#noBlock = this.inputs(new Float32Array(this.firstBlock), null);
  }

  /** Compute the final logits of the next block of a stream: [rows, next state]. */
  async step(block, state) {
    const [logits, gate] = await this.runBlock(block, state?.gate ?? null);
    const started = this.#cascade.begin(block, logits, gate, this.window, state);
    const verifier = started.call && (await this.verify(started.window));
    return this.#cascade.finish(started, verifier);
  }

  /** Compute the verifier's logits of `window` samples at 16 kHz. */
  async verify(samples) {
    const inputs = { ...this.#noBlock, verify: this.flag(true), window: this.tensor(samples) };
    return toRows((await this.run(inputs, [VERIFIED]))[VERIFIED]);
  }

  async check(name) {
    await super.check(name);
    const logits = await this.verify(new Float32Array(this.window)).catch((error) => {
      throw misfit(name, firstLine(error));
    });
    this.checkRows(name, logits);
    if (logits.length < this.#cascade.verifierFrames) {
      throw misfit(name, `${logits.length} frames of the verifier`);
    }
  }
}

/** Return the rows of a (1, frames, keywords) tensor as arrays of numbers. */
function toRows({ data, dims: [, frames, keywords] }) {
  return Array.from({ length: frames }, (_, frame) =>
    Array.from(data.subarray(frame * keywords, (frame + 1) * keywords)),
  );
}

async function fetchBytes(address) {
  let reason;
  try {
    const answer = await fetch(address);
    if (answer.ok) return new Uint8Array(await answer.arrayBuffer());
    reason = `HTTP ${answer.status}`;
  } catch (error) {
    reason = error.message;
  }
  throw new WakewordError(
    `${address}: cannot be fetched (${reason}). Check the address, and that a web server offers it.`,
  );
}

function misfit(name, fault) {
  return new WakewordError(`${name}: the graph does not fit its metadata: ${fault}. Export it again.`);
}

function firstLine(error) {
  return String(error?.message ?? error).split("\n")[0].slice(0, 160);
}
