// The page's side of worker.js.

/** A model that is computed on a thread of its own. */
export class ModelThread {
  #worker;
  #waiting = []; // for an answer: they come in the order of the calls

  constructor() {
    // a worker from a blob has the content security policy of the page, one from a file has none
    const address = new URL("./worker.js", import.meta.url);
    const program = new Blob([`import "${address}";`], { type: "text/javascript" });
    this.#worker = new Worker(URL.createObjectURL(program), { type: "module" });
    this.#worker.onmessage = ({ data: { result, error } }) => {
      const { resolve, reject } = this.#waiting.shift();
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    this.#worker.onerror = ({ message = "no module in a worker" }) => {
      const error = new Error(`this browser cannot run the model (${message}). Update the browser.`);
      this.#waiting.splice(0).forEach(({ reject }) => reject(error));
    };
  }

  /** Load the model at an address: a promise of its keywords, and of a threshold for each. */
  load(address) {
    return this.#call("load", new URL(address, document.baseURI).href);
  }

  /** Start a new stream. */
  start() {
    return this.#call("start");
  }

  /** Take the next samples: a promise of the detections up to their end, and of the scores there. */
  feed(samples) {
    return this.#call("feed", samples);
  }

  #call(method, value) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage({ method, value });
    });
  }
}
