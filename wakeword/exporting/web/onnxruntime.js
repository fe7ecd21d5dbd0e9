// The library that runs the models. `wakeword export --web` writes this file anew, for the copy of
// onnxruntime-web in its folder.

import * as ort from "onnxruntime-web/wasm";

ort.env.wasm.numThreads = 1; // as in Python; more of them need a page that is cross-origin isolated

export * from "onnxruntime-web/wasm";
