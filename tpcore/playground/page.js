// The playground in the hosted page: a stand-in for the model that a kernel would have, and the state in the address.

/** What `render` needs of a model, without a kernel. */
class StandIn {
  constructor(values) {
    this.values = values;
    this.listeners = [];
  }

  get(name) {
    return this.values[name];
  }

  set(name, value) {
    this.values[name] = value;
  }

  save_changes() {
    this.changed?.();
  }

  on(event, listener) {
    this.listeners.push([event, listener]);
  }

  off(event, listener) {
    this.listeners = this.listeners.filter(([name, other]) => name !== event || other !== listener);
  }

  /** What a kernel would do: change a value and say so. */
  assign(name, value) {
    this.values[name] = value;
    for (const [event, listener] of this.listeners) if (event === `change:${name}`) listener();
  }
}

function show(el) {
  const given = JSON.parse(el.querySelector("script").textContent);
  const page = given.page || location.href.split("#")[0];
  const found = given.simple ? null : fromAddress(location.hash);
  const model = new StandIn({ ...given, page, settings: found?.settings ?? given.settings, notice: found?.complaint ?? "" });
  if (!given.simple) keepInAddress(model, given.settings);
  render({ model, el });
}

/** Each kept change is a new address; back and forward, or a pasted address, change the settings. */
function keepInAddress(model, start) {
  model.changed = () => {
    const address = toAddress(model.get("settings"));
    if (location.hash !== address && (location.hash || address !== toAddress(start))) location.hash = address;
  };
  addEventListener("hashchange", () => {
    const found = location.hash ? fromAddress(location.hash) : { settings: start };
    if (found) model.assign("settings", found.settings);
  });
}

for (const el of document.querySelectorAll("figure.playground")) show(el);
