// The worker that trains, as seen from the page.

const SPEED = 30; // steps a second, until the reader chooses

/** Starts the worker from its own text, so that no file has to be found; `failed` is called with a reason if it can't. */
class Trainer {
  constructor(hear, failed) {
    try {
      const text = new Blob([`(${trainingWorker})()`], { type: "text/javascript" });
      const address = URL.createObjectURL(text);
      this.worker = new Worker(address);
      this.worker.onmessage = ({ data }) => {
        if (data.kind === "ready") URL.revokeObjectURL(address);
        else hear(data);
      };
      this.worker.onerror = (event) => failed(event.message || "the browser refused it");
      this.send("speed", { perSecond: SPEED });
    } catch (error) {
      this.worker = null;
      setTimeout(() => failed(error.message)); // after the view is there to say it
    }
  }

  send(kind, more = {}) {
    this.worker?.postMessage({ kind, ...more });
  }

  close() {
    this.worker?.terminate();
  }
}
