// Browsers start no worker for a page that was opened from a folder, and search runs in one. Here a
// hidden frame runs the worker's script instead; messages go to it and come back as a worker's do.
if (location.protocol === "file:") {
  const inFrame = () => {
    self.postMessage = (data) => parent.postMessage(data, "*");
    self.importScripts = async (...addresses) => {
      for (const address of addresses) {
        await new Promise((loaded, failed) => {
          const script = document.createElement("script");
          Object.assign(script, { src: address, onload: loaded, onerror: failed });
          document.body.append(script);
        });
      }
    };
  };

  self.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const page = this.frame.contentDocument;
      this.ready = new Promise((resolve) => (this.frame.onload = resolve));
      page.open();
      page.write(`<body><script>(${inFrame})()<\/script><script src="${address}"><\/script></body>`);
      page.close();
      addEventListener("message", (event) => {
        if (event.source === this.frame.contentWindow) {
          this.dispatchEvent(new MessageEvent("message", { data: event.data }));
        }
      });
    }

    postMessage(data) {
      this.ready.then(() =>
        this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })),
      );
    }

    terminate() {
      this.frame.remove();
    }
  };
}
