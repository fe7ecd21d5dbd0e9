// The library that runs the models. In the folder of `wakeword export --web` it is a copy there.

import * as ort from "onnxruntime-web/wasm";

ort.env.wasm.numThreads = 1; // as in Python; more need a page that is cross-origin isolated

export * from "onnxruntime-web/wasm";
