/** The sample rate of every model, in Hz. */
export declare const SAMPLE_RATE: 16000;

/** An error that the caller can fix; the message says what was expected and what to do. */
export declare class WakewordError extends Error {}

/** A detected keyword. */
export interface Detection {
  keyword: string;
  /** From 0 to 1: the first score that reached the threshold. */
  score: number;
  /** When the score reached the threshold, in seconds since the start of the stream. */
  time: number;
  /** An estimate of where the keyword starts, in seconds since the start of the stream. */
  start: number;
  /** An estimate of where the keyword ends, in seconds since the start of the stream. */
  end: number;
}

/** When a score becomes a detection. */
export interface OperatingPoint {
  /** Lowest score, 0 to 1, at which each keyword is detected. */
  thresholds: Record<string, number>;
  /** Seconds of logits that are averaged. */
  smoothing_s: number;
  /** Seconds after a detection in which the same keyword is not detected again. */
  refractory_s: number;
  /** How the thresholds were found, in words. */
  provenance?: string;
  /** By keyword: median seconds from its end to its detection. */
  latency_s?: Record<string, number>;
  /** By keyword: median seconds that it lasts. */
  duration_s?: Record<string, number>;
}

/** An exported model, of one stage or of two; from `load`. */
export interface Model {
  readonly keywords: string[];
  readonly operatingPoint: OperatingPoint;
  /** Seconds between two logits. */
  readonly frameS: number;
  /** Samples of a stream's first step. */
  readonly firstBlock: number;
  /** Samples of each later step. */
  readonly block: number;
  /** The metadata of the file. */
  readonly about: Record<string, unknown>;
  /** Compute the logits of the next block: rows, one per frame, and the state for the next call. */
  step(block: Float32Array, state: unknown): Promise<[logits: number[][], state: unknown]>;
}

export interface LoadOptions {
  /** The module of onnxruntime-web, if not the default one. */
  ort?: unknown;
}

/**
 * Load a model that `wakeword export` wrote: from its URL, or from its bytes.
 *
 * @throws WakewordError where the file is missing, damaged or no wakeword file
 */
export declare function load(
  source: string | URL | ArrayBuffer | Uint8Array,
  options?: LoadOptions,
): Promise<Model>;

export interface DetectorOptions {
  /**
   * For every keyword, or by keyword; null, the default, takes those of the model; 0 detects every
   * local peak of the score.
   */
  threshold?: number | Record<string, number> | null;
  /** Of the samples, in Hz; they are resampled to 16 kHz, the default. */
  rate?: number;
}

/** Detects the keywords of one live stream; any number of detectors share a model. */
export declare class Detector {
  /** @throws WakewordError for an unknown keyword, a wrong threshold or a wrong rate */
  constructor(model: Model, options?: DetectorOptions);
  readonly model: Model;
  readonly rate: number;
  /** Threshold of each keyword. */
  readonly thresholds: Record<string, number>;
  /** The latest score of each keyword. */
  get scores(): Record<string, number>;
  /** Take the next samples, of one channel; return the detections up to their end. */
  feed(samples: Float32Array | Float64Array | Int16Array): Promise<Detection[]>;
  /** End the stream: return what still waits for audio, as if silence followed. */
  flush(): Promise<Detection[]>;
  /** Start a new stream. */
  reset(): void;
}

export interface MicrophoneOptions {
  /** Of the microphone, from `navigator.mediaDevices.enumerateDevices()`. */
  deviceId?: string;
  /** Called when the microphone is disconnected. */
  onEnd?: () => void;
}

/** An open microphone. */
export interface Microphone {
  /** Turn the microphone off. */
  close(): Promise<void>;
}

/**
 * Open the microphone; the browser asks the person for permission.
 *
 * @param onSamples called with samples at 16 kHz about every 80 ms
 * @throws WakewordError where there is no microphone, or it is not allowed
 */
export declare function openMicrophone(
  onSamples: (samples: Float32Array) => void,
  options?: MicrophoneOptions,
): Promise<Microphone>;
