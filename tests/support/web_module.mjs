// Runs one function on the JSON of standard input: node web_module.mjs FUNCTION FOLDER_OF_THE_MODULE

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [name, folder] = process.argv.slice(2);
const job = JSON.parse(readFileSync(0, "utf-8"));
const from = (file) => import(pathToFileURL(`${folder}/${file}`));
const SAMPLES = { float32: Float32Array, int16: Int16Array, int32: Int32Array };

function readSamples({ audio, type }) {
  const bytes = readFileSync(audio);
  return new SAMPLES[type](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function* pieces(values, sizes) {
  for (let at = 0, i = 0; at < values.length; i++) {
    const end = at + sizes[i % sizes.length];
    yield values.slice(at, end);
    at = end;
  }
}

const FUNCTIONS = {
  async detect() {
    const { Detector, load } = await from("wakeword.js");
    const ort = await import(pathToFileURL(job.ort));
    ort.env.wasm.numThreads = 1;
    const detector = new Detector(await load(readFileSync(job.model), { ort }), job.options);
    const runs = [];
    for (const sizes of job.sizes) {
      detector.reset();
      const found = [];
      const fed = [...pieces(readSamples(job), sizes)].map((piece) => detector.feed(piece));
      for (const detections of [...fed, detector.flush()]) found.push(...(await detections));
      runs.push({ detections: found, scores: detector.scores });
    }
    return runs;
  },

  async trigger() {
    const { Trigger } = await from("trigger.js");
    const trigger = new Trigger(job.model, job.thresholds);
    return [...pieces(job.logits, job.sizes)].flatMap((rows) => trigger.run(rows));
  },

  async cascade() {
    const { Cascade } = await from("cascade.js");
    const cascade = new Cascade(job.config, job.keywords, job.frame_s, job.verifier_frame_s);
    let state = null;
    const final = [];
    const windows = [];
    for (const { samples, gate } of job.blocks) {
      const started = cascade.begin(Float32Array.from(samples), gate, null, job.window, state);
      let verifier = null;
      if (started.call) {
        windows.push([...started.window]);
        verifier = job.verifier[(windows.length - 1) % job.verifier.length];
      }
      const [logits, next] = cascade.finish(started, verifier);
      final.push(...logits);
      state = next;
    }
    return { final, windows };
  },

  async blocks() {
    const { BlockBuffer } = await from("blocks.js");
    const buffer = new BlockBuffer(job.model, 16000);
    const blocks = [...pieces(readSamples(job), job.sizes)].flatMap((piece) => buffer.push(piece));
    return [...blocks, ...buffer.finish()].map((block) => [...block]);
  },

  async resample() {
    const { StreamResampler } = await from("resampling.js");
    const resampler = new StreamResampler(job.rate);
    const output = [...pieces(readSamples(job), job.sizes)].map((piece) => resampler.feed(piece));
    return [...output, resampler.feed(new Float32Array(0), true)].flatMap((each) => [...each]);
  },

  async metadata() {
    const { readMetadata } = await from("metadata.js");
    return readMetadata(new Uint8Array(readFileSync(job.file)), job.file);
  },

  async frames() {
    const { toFrames } = await from("cascade.js");
    return job.map(([seconds, frameS]) => toFrames(seconds, frameS));
  },
};

let answer;
try {
  answer = { result: await FUNCTIONS[name]() };
} catch (error) {
  answer = { error: `${error.name}: ${error.message}` };
}
process.stdout.write(JSON.stringify(answer), () => process.exit());
