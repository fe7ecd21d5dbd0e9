// The microphone of the browser, as pieces of samples.

import { WakewordError } from "./errors.js";
import { SAMPLE_RATE, StreamResampler } from "./resampling.js";

const REMEDIES = {
  NotAllowedError:
    "the microphone is not allowed. Allow it for this page: click the icon left of the address, " +
    "and check that the system lets the browser use the microphone.",
  NotFoundError: "no microphone was found. Connect one, or turn it on in the settings of the system.",
  NotReadableError:
    "the microphone cannot be opened. Another program may be using it: close that program.",
  OverconstrainedError: "the chosen microphone is not there. Connect it, or choose another one.",
};

/**
 * Open the microphone; the browser asks the person for permission.
 * @param onSamples called with a Float32Array at 16 kHz about every 80 ms
 * @param options `deviceId`: of the microphone, from `navigator.mediaDevices.enumerateDevices()`;
 *   `onEnd`: called when the microphone is disconnected
 * @returns an object whose `close()` turns the microphone off
 * @throws WakewordError with the browser's error as its `cause`
 */
export async function openMicrophone(onSamples, { deviceId, onEnd } = {}) {
  if (!globalThis.navigator?.mediaDevices) {
    throw new WakewordError(
      "browsers allow the microphone only over https or on localhost. Serve the page so.",
    );
  }
  const media = await askForMicrophone(deviceId);
  let context = null;
  const close = async () => {
    media.getTracks().forEach((track) => track.stop());
    if (context && context.state !== "closed") await context.close();
  };
  try {
    let source;
    [context, source] = openContext(media);
    await context.audioWorklet.addModule(new URL("./microphone-processor.js", import.meta.url));
    const processor = new AudioWorkletNode(context, "wakeword-microphone", {
      channelCount: 1,
      channelCountMode: "explicit", // several channels are mixed
    });
    const resampler = new StreamResampler(context.sampleRate);
    processor.port.onmessage = ({ data }) => onSamples(resampler.feed(data));
    source.connect(processor).connect(context.destination); // the output is silence
    await context.resume();
  } catch (error) {
    await close();
    throw error;
  }
  media.getTracks().forEach((track) => {
    track.onended = () => close().then(onEnd);
  });
  return { close };
}

async function askForMicrophone(deviceId) {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: {
        channelCount: 1,
        echoCancellation: false,
        noiseSuppression: false,
        autoGainControl: true,
        ...(deviceId && { deviceId: { exact: deviceId } }),
      },
    });
  } catch (error) {
    const message = REMEDIES[error.name] ?? `the microphone cannot be used: ${error.message}`;
    throw new WakewordError(message, { cause: error });
  }
}

/** Return a context and the microphone in it: at 16 kHz, or at the microphone's own rate. */
function openContext(media) {
  const context = new AudioContext({ sampleRate: SAMPLE_RATE });
  try {
    return [context, context.createMediaStreamSource(media)];
  } catch {
    // Firefox does not resample a microphone
    context.close();
    const own = new AudioContext();
    return [own, own.createMediaStreamSource(media)];
  }
}
