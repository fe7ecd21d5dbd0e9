// Collects the samples of the microphone, on the thread of the audio, into pieces of 80 ms.

const PIECE_S = 0.08;

class MicrophoneProcessor extends AudioWorkletProcessor {
  #piece = new Float32Array(Math.round(sampleRate * PIECE_S));
  #size = 0;

  process([input]) {
    for (const value of input[0] ?? []) {
      this.#piece[this.#size++] = value;
      if (this.#size === this.#piece.length) {
        this.port.postMessage(this.#piece.slice());
        this.#size = 0;
      }
    }
    return true;
  }
}

registerProcessor("wakeword-microphone", MicrophoneProcessor);
