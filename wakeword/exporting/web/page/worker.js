// Runs the model on a thread of its own, so that the page never waits for it.

import { Detector, load } from "./wakeword.js";

let model = null;
let detector = null;
let last = Promise.resolve(); // messages are answered in their order

const handlers = {
  async load(address) {
    model = await load(address);
    return { keywords: model.keywords, thresholds: model.operatingPoint.thresholds };
  },
  start() {
    detector = new Detector(model);
  },
  async feed(samples) {
    const detections = await detector.feed(samples);
    return { detections, scores: detector.scores };
  },
};

onmessage = ({ data: { method, value } }) => {
  last = last
    .then(() => handlers[method](value))
    .then((result) => postMessage({ result }))
    .catch((error) => postMessage({ error: error.message }));
};
