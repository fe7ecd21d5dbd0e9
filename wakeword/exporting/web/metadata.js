// The metadata that `wakeword export` writes into an ONNX file, read without an ONNX library.

import { WakewordError } from "./errors.js";

const READABLE_FORMATS = ["wakeword-onnx/1", "wakeword-onnx/2", "wakeword-onnx/3"];
const TWO_STAGE_FORMAT = "wakeword-onnx/3";
const KEY = "wakeword";
const METADATA_PROPS = 14; // field of ModelProto in ONNX's protobuf schema
const NO_RISE = 1000; // of a cascade of earlier versions, which have no rise
const MAX_BLOCK = 60 * 16000;

/**
 * Read and check the metadata of an exported model.
 * @param bytes Uint8Array of the file
 * @param name of the file, for messages
 */
export function readMetadata(bytes, name) {
  try {
    const about = JSON.parse(storedProperties(bytes)[KEY]);
    const point = about.operating_point ?? about.point; // its name in earlier versions
    const upgraded = { ...about, operating_point: point, twoStages: about.format === TWO_STAGE_FORMAT };
    if (about.cascade) upgraded.cascade = { rise: NO_RISE, ...about.cascade };
    check(upgraded);
    return upgraded;
  } catch (error) {
    throw new WakewordError(
      `${name}: not a wakeword model: missing or invalid metadata (${error.message}). ` +
        "Expected a file written by `wakeword export`.",
      { cause: error },
    );
  }
}

function check(about) {
  const { keywords, operating_point: point, twoStages } = about;
  expect(READABLE_FORMATS.includes(about.format), `format ${about.format}`);
  expect(haveSameNames(point.thresholds, keywords), "keywords and thresholds do not match");
  for (const value of [...Object.values(point.thresholds), point.smoothing_s, point.refractory_s]) {
    expect(isWithin(value, 0, 60), `an operating point of ${value}`);
  }
  for (const times of [point.latency_s ?? {}, point.duration_s ?? {}]) {
    for (const value of Object.values(times)) {
      expect(isWithin(value, -60, 60), `a keyword's latency or duration of ${value} s`);
    }
  }
  for (const field of ["first_block", "block", ...(twoStages ? ["window"] : [])]) {
    const isSize = Number.isInteger(about[field]) && isWithin(about[field], 1, MAX_BLOCK);
    expect(isSize, `${field} of ${about[field]} samples`);
  }
  for (const field of ["frame_s", ...(twoStages ? ["verifier_frame_s"] : [])]) {
    expect(isWithin(about[field], 0.001, 60), `${field} of ${about[field]} s`);
  }
  if (twoStages) checkCascade(about.cascade, keywords);
}

function checkCascade(cascade, keywords) {
  const thresholds = cascade.gate_thresholds;
  expect(haveSameNames(thresholds, keywords), "keywords and gate thresholds do not match");
  const isScore = (value) => isWithin(value, 0, 1);
  expect(Object.values(thresholds).every(isScore), "a gate threshold that is not 0 to 1");
  for (const field of ["smoothing_s", "reach_s", "interval_s"]) {
    expect(cascade[field] > 0 && isWithin(cascade[field], 0, 60), `${field} of ${cascade[field]}`);
  }
  expect(cascade.rise > 0 && isWithin(cascade.rise, 0, 1000), `rise of ${cascade.rise}`);
  for (const field of ["gate_weight", "verifier_weight", "bias"]) {
    expect(isWithin(cascade[field], -1000, 1000), `${field} of ${cascade[field]}`);
  }
}

function expect(isValid, fault) {
  if (!isValid) throw new Error(fault);
}

function isWithin(value, low, high) {
  return typeof value === "number" && value >= low && value <= high;
}

function haveSameNames(values, names) {
  const sorted = [...new Set(names)].sort();
  return sorted.length > 0 && JSON.stringify(Object.keys(values).sort()) === JSON.stringify(sorted);
}

/** Return the `metadata_props` of a serialised ONNX model. */
function storedProperties(bytes) {
  const properties = {};
  for (const [field, value] of fields(bytes)) {
    if (field !== METADATA_PROPS) continue;
    const { 1: key, 2: text } = Object.fromEntries(fields(value));
    properties[decode(key)] = decode(text);
  }
  expect(KEY in properties, `no property ${KEY}`);
  return properties;
}

const decode = (bytes) => new TextDecoder().decode(bytes);

/** Yield [number, bytes] of each length-delimited field of a protobuf message. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      expect(at < bytes.length && shift <= 2 ** 63, "damaged or not ONNX");
      const byte = bytes[at++];
      value += (byte % 128) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const type = tag % 8;
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else {
      expect(type === 2, "damaged or not ONNX");
      const size = varint();
      expect(at + size <= bytes.length, "truncated");
      yield [Math.floor(tag / 8), bytes.subarray(at, at + size)];
      at += size;
    }
  }
}
