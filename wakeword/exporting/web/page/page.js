// The page: a button, meters and the list of detections.

import { showDetection } from "./detections.js";
import { ModelThread } from "./model-thread.js";
import { SAMPLE_RATE, openMicrophone } from "./wakeword.js";

const SILENCE_DB = -60;
const PATIENCE_S = { audio: 3, silence: 3, detection: 15 };
const LONGEST_BACKLOG_S = 5;

const element = (id) => document.getElementById(id);
const seconds = () => performance.now() / 1000;
const thread = new ModelThread();
let model = null; // keywords and thresholds, once it is loaded
let session = null; // while the microphone is on, or asked for

function setText(id, text) {
  // screen readers repeat a text that is set again
  if (element(id).textContent !== text) element(id).textContent = text;
}

function showState(status, hint) {
  setText("status", status);
  setText("hint", hint);
  element("state").className = "";
}

/** Show an error whose first sentence says what is wrong, and the others what to do. */
function showError(error) {
  const { message } = error;
  const isFile = /^\S+: /.test(message); // a message that starts with an address keeps its case
  const text = isFile ? message : message[0].toUpperCase() + message.slice(1);
  const end = text.indexOf(". ") + 1 || text.length;
  showState(text.slice(0, end), text.slice(end).trim());
  element("state").className = "error";
}

function showOff() {
  showState(
    "The microphone is off.",
    "Press “Start listening”. Your browser then asks for the microphone: allow it. The audio stays " +
      "in this browser.",
  );
}

function request() {
  const quoted = model.keywords.map((keyword) => `“${keyword}”`);
  return `Say ${new Intl.ListFormat("en", { type: "disjunction" }).format(quoted)}`;
}

/** Show what arrived, and what to do if nothing did. */
function showProgress() {
  const { start, firstSamples, firstSound, isDetected } = session;
  let hint = `${request()}.`;
  if (isDetected) hint = "Detections are listed below, with their time.";
  else if (firstSound && seconds() - firstSound > PATIENCE_S.detection) {
    hint =
      "Sound arrives, but no score has reached the threshold yet. Speak closer to the microphone, " +
      "and see how far the score rises.";
  } else if (!firstSound && firstSamples && seconds() - firstSamples > PATIENCE_S.silence) {
    hint = "Only silence arrives. Is the microphone muted, or is another one selected?";
  } else if (!firstSamples && seconds() - start > PATIENCE_S.audio) {
    hint = "The microphone is allowed, but the browser sends no audio. Check its cable, and start again.";
  }
  showState(`Listening for ${model.keywords.join(", ")}.`, hint);
}

function showLevel(samples) {
  const power = samples.reduce((sum, value) => sum + value ** 2, 0) / samples.length;
  const level = Math.max(SILENCE_DB, Math.min(0, 10 * Math.log10(power + 1e-9)));
  setMeter(element("level"), 1 - level / SILENCE_DB, level.toFixed(0), `${level.toFixed(0)} dB`);
  return level;
}

function setMeter(meter, share, value, text) {
  meter.querySelector(".value").style.width = `${100 * share}%`;
  meter.setAttribute("aria-valuenow", value);
  meter.setAttribute("aria-valuetext", text);
}

/** Add a meter of the score of each keyword. */
function addScores() {
  const { keywords, thresholds } = model;
  keywords.forEach((keyword, k) => {
    const label = document.createElement("div");
    label.className = "label";
    const name = document.createElement("span");
    [name.id, name.textContent] = [`score-${k}-label`, keyword];
    const threshold = document.createElement("span");
    threshold.textContent = `threshold ${thresholds[keyword].toFixed(2)}`;
    label.append(name, threshold);
    const meter = document.createElement("div");
    [meter.id, meter.className] = [`score-${k}`, "meter score"];
    const attributes = { role: "meter", "aria-valuemin": 0, "aria-valuemax": 1 };
    Object.entries(attributes).forEach((attribute) => meter.setAttribute(...attribute));
    meter.setAttribute("aria-labelledby", name.id);
    const [value, mark] = [document.createElement("div"), document.createElement("div")];
    [value.className, mark.className] = ["value", "threshold"];
    mark.style.left = `${100 * thresholds[keyword]}%`;
    meter.append(value, mark);
    element("scores").append(label, meter);
  });
  showScores({});
}

function showScores(scores) {
  model.keywords.forEach((keyword, k) => {
    const score = (scores[keyword] ?? 0).toFixed(2);
    setMeter(element(`score-${k}`), scores[keyword] ?? 0, score, score);
  });
}

async function handleSamples(samples, current) {
  if (session !== current || !samples.length) return;
  const length = samples.length / SAMPLE_RATE;
  session.firstSamples ??= seconds();
  session.startDate ??= Date.now() - 1000 * length;
  if (showLevel(samples) > SILENCE_DB) session.firstSound ??= seconds();
  session.backlog += length;
  if (session.backlog > LONGEST_BACKLOG_S) {
    throw new Error(
      "this device is too slow for the model. Close other programs and tabs, or export the model " +
        "with --int8.",
    );
  }
  const { detections, scores } = await thread.feed(samples);
  current.backlog -= length;
  if (session !== current) return; // stopped meanwhile
  showScores(scores);
  for (const detection of detections) showDetection(detection, session.startDate);
  if (detections.length) session.isDetected = true;
  showProgress();
}

async function start() {
  const current = {
    start: seconds(),
    backlog: 0, // seconds of audio that are not computed yet
  };
  session = current;
  thread.start();
  element("toggle").textContent = "Stop listening";
  showState("Waiting for the microphone.", "Your browser asks for it, near the address: allow it.");
  const fail = (error) => {
    if (session !== current) return; // ended already; another session may run
    stop();
    showError(error);
  };
  try {
    const microphone = await openMicrophone(
      (samples) => handleSamples(samples, current).catch(fail),
      { onEnd: () => fail(new Error("the microphone was disconnected. Connect it and start again.")) },
    );
    if (session !== current) return microphone.close(); // stopped meanwhile
    current.microphone = microphone;
    current.start = seconds();
    current.timer = setInterval(showProgress, 500);
  } catch (error) {
    fail(error);
  }
}

function stop() {
  session.microphone?.close();
  clearInterval(session.timer);
  session = null;
  element("toggle").textContent = "Start listening";
  setMeter(element("level"), 0, SILENCE_DB, "off");
  showScores({});
}

element("toggle").onclick = () => {
  if (!session) return start();
  stop();
  showOff();
};

try {
  showState("Loading the model.", "It runs in this browser; nothing is sent.");
  model = await thread.load("model.onnx");
  document.title = model.keywords.join(", ");
  setText("title", request());
  addScores();
  element("toggle").disabled = false;
  showOff();
} catch (error) {
  showError(error);
}
