// The playground: it joins the model's settings, the worker that trains, and what is on the screen.

const SPEEDS = { 5: "5 steps a second", 30: "30 steps a second", 100: "100 steps a second", 0: "as fast as it can" };
const REDUCED_GAP = 500; // milliseconds between two pictures where motion is to be reduced

/** An anywidget's render; the hosted page calls it with a stand-in for the model (page.js). */
function render({ model, el }) {
  const playground = new PlaygroundView(model, el);
  return () => playground.close();
}

class PlaygroundView {
  constructor(model, el) {
    this.model = model;
    this.simple = model.get("simple");
    this.settings = { ...START, ...model.get("settings") };
    this.playing = false;
    this.wished = false; // whether it would play if it were in view
    this.frame = this.first = null;
    this.lastAsk = 0;
    this.reduced = matchMedia("(prefers-reduced-motion: reduce)");
    this.build(el);
    this.trainer = new Trainer((message) => this.hear(message), (reason) => this.fail(reason));
    this.watch();
    this.restart();
    this.presets.show(presetOf(this.settings));
    this.say(model.get("notice") || "");
  }

  // --- what it is made of ---

  build(el) {
    const change = (name, value, final) => this.change({ [name]: value }, final);
    const canvas = (kind, label) => element("canvas", { class: `pg-${kind}`, role: "img", "aria-label": label });
    this.presets = presetPanel({ choose: (name) => this.choose(name), answer: () => this.play(), contest: () => this.contest(), only: this.simple, effort: this.chapter("08-one-slider") });
    this.credit = canvas("credit", "How much of the credit at the last step is left at each earlier step, for both lanes; above it a sequence and the hidden states.");
    this.accuracy = canvas("small", "Held-out accuracy of both lanes against the training step.");
    this.angle = canvas("small", "Angle between each lane’s direction and the gradient, against the training step.");
    this.gains = canvas("small", "What each lane’s operator multiplies a singular value of W by, with the singular values marked.");
    this.range = new DecadeRange();
    this.notice = element("p", { class: "pg-notice", role: "status" });
    this.live = element("p", { class: "pg-hidden", "aria-live": "polite" });
    this.steps = element("span", { class: "pg-steps" });
    this.playButton = element("button", { type: "button", class: "pg-play", onclick: () => (this.wished ? this.pause() : this.play()) });
    const wide = el.clientWidth >= 640 || el.clientWidth === 0;
    this.cards = ["a", "b"].map((lane) => laneCard(lane, change, { open: wide, only: this.simple }));
    this.table = tablePanel();
    this.program = programPanel(() => ({ settings: this.settings, steps: Math.max(10, this.frame?.step || presetSteps(this.settings)) }));
    this.root = element("div", { class: `playground-view${this.simple ? " pg-simple" : ""}` }, ...(this.simple ? this.simpleParts() : this.allParts(change)));
    el.classList.add("playground-running");
    el.append(this.root);
    this.showSettings();
    this.showPlaying();
  }

  allParts(change) {
    const figure = (title, canvas) => element("figure", {}, element("figcaption", {}, ...labelled(title)), canvas);
    const run = ["task", "tau", "d"].map((name) => list(name, FIELDS[name], { change, spoken: "" }));
    run.push(numberField("seed", FIELDS.seed, { change }));
    this.runControls = run;
    this.speed = element("select", { "aria-label": "Speed" }, ...Object.entries(SPEEDS).map(([value, text]) => element("option", { value, text })));
    this.speed.value = "30";
    this.speed.addEventListener("change", () => this.trainer.send("speed", { perSecond: Number(this.speed.value) || null }));
    this.address = element("p", { class: "pg-address" });
    const shared = element("span", { class: "pg-copied", role: "status" });
    const other = element("button", { type: "button", text: "Another sequence", onclick: () => this.trainer.send("sequence") });
    const share = element("button", { type: "button", class: "pg-share", text: "Share", onclick: () => copyText(this.link(), shared) });
    return [
      this.presets.root,
      this.notice,
      element("div", { class: "pg-main" },
        element("div", { class: "pg-stage" }, element("h2", { text: "Credit, relative to the last step" }), this.credit, figure("Held-out accuracy", this.accuracy)),
        element("div", { class: "pg-side" }, this.toolbar(true), ...this.cards.map((card) => card.root)),
      ),
      element("div", { class: "pg-pictures" }, figure("Angle to the gradient", this.angle), figure("Gain on each singular value of W", this.gains)),
      element("div", { class: "pg-run" }, ...run.map((control) => control.root), this.norms = element("p", { class: "pg-norms" })),
      element("div", { class: "pg-row pg-foot" }, other, share, shared),
      this.program.root,
      this.table.root,
      this.address,
      this.live,
    ];
  }

  simpleParts() {
    this.runControls = [];
    return [
      this.presets.root,
      this.notice,
      element("div", { class: "pg-main" },
        element("div", { class: "pg-stage" }, element("h2", { text: "Credit, relative to the last step" }), this.credit),
        element("div", { class: "pg-side" }, this.toolbar(false), ...this.cards.map((card) => card.root), element("figure", {}, element("figcaption", { text: "Held-out accuracy" }), this.accuracy)),
      ),
      this.live,
    ];
  }

  toolbar(all) {
    const stepButton = element("button", { type: "button", class: "pg-step", text: "Step", onclick: () => this.stepOnce() });
    const reset = element("button", { type: "button", class: "pg-reset", text: "Reset", onclick: () => this.reset() });
    return element("div", { class: "pg-toolbar", role: "group", "aria-label": "Training" }, this.playButton, ...(all ? [stepButton] : []), reset, ...(all ? [this.speed] : []), this.steps);
  }

  // --- what the reader, the model and the browser do ---

  watch() {
    this.fromModel = () => this.change(this.model.get("settings"), true);
    this.fromModelPlaying = () => (this.model.get("playing") ? this.play() : this.pause());
    this.model.on("change:settings", this.fromModel);
    this.model.on("change:playing", this.fromModelPlaying);
    this.rest = () => this.tune();
    document.addEventListener("visibilitychange", this.rest);
    this.redraw = () => this.frame && this.draw();
    this.resized = new ResizeObserver(this.redraw);
    this.resized.observe(this.root);
    this.media = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "print"].map((query) => matchMedia(query));
    for (const list of this.media) list.addEventListener("change", this.redraw);
    this.themed = new MutationObserver(this.redraw);
    for (const node of [document.documentElement, document.body]) this.themed.observe(node, { attributes: true, attributeFilter: ["data-theme", "class", "theme", "data-jp-theme-light"] });
    this.inView = false;
    this.seen = new IntersectionObserver(([entry]) => this.entered(entry.isIntersecting), { threshold: 0.1 });
    this.seen.observe(this.root);
  }

  close() {
    this.closed = true;
    this.trainer.close();
    this.model.off("change:settings", this.fromModel);
    this.model.off("change:playing", this.fromModelPlaying);
    document.removeEventListener("visibilitychange", this.rest);
    for (const list of this.media) list.removeEventListener("change", this.redraw);
    for (const observer of [this.resized, this.themed, this.seen]) observer.disconnect();
  }

  entered(inView) {
    this.inView = inView;
    if (inView && this.model.get("autostart") && !this.started && !this.reduced.matches) this.play();
    else this.tune();
  }

  change(patch, final) {
    const before = this.settings, after = { ...before, ...patch };
    if (JSON.stringify(before) === JSON.stringify(after)) return final && this.keep();
    this.settings = after;
    if (RESTARTING.some((name) => before[name] !== after[name])) this.restart();
    else this.trainer.send("adjust", { settings: after });
    this.showSettings();
    if (presetOf(after) !== this.preset) this.presets.show((this.preset = presetOf(after)));
    if (final) this.keep();
  }

  /** Tell the model, and with it Python or the address. */
  keep() {
    if (JSON.stringify(this.model.get("settings")) === JSON.stringify(this.settings)) return;
    this.model.set("settings", this.settings);
    this.model.save_changes();
  }

  choose(name) {
    this.settings = { ...PRESETS[name].settings };
    this.preset = name;
    this.presets.show(name);
    this.showSettings();
    this.restart();
    this.keep();
  }

  play() {
    this.started = this.wished = true;
    const asked = this.presets.asked(), ends = asked && asked.seeds === 1 && (this.frame?.step ?? 0) < asked.steps;
    this.stop = ends ? asked.steps : null;
    this.tune();
  }

  pause() {
    this.wished = false;
    this.tune();
  }

  stepOnce() {
    this.pause();
    this.trainer.send("step");
  }

  reset() {
    this.restart();
    this.presets.show(this.preset);
    this.say("");
  }

  /** Both lanes from the start, at rest. */
  restart() {
    this.wished = this.playing = false;
    this.events = new Events();
    this.range = new DecadeRange();
    this.frame = this.first = null;
    this.preset = presetOf(this.settings);
    this.trainer.send("start", { settings: this.settings });
    this.showPlaying();
  }

  contest() {
    const { steps, seeds } = this.presets.asked();
    this.tally = [];
    this.wished = true;
    this.presets.say("Running…");
    this.trainer.send("contest", { seeds: Array.from({ length: seeds }, (_, i) => i), steps });
    this.showPlaying();
  }

  /** Train if the reader wishes so and can see it; rest otherwise. */
  tune() {
    const playing = this.wished && this.inView && !document.hidden;
    if (playing !== this.playing) this.trainer.send(playing ? "play" : "pause", { stop: this.stop });
    this.playing = playing;
    this.showPlaying();
    if (playing) this.ask();
  }

  // --- what the worker says ---

  ask() {
    requestAnimationFrame((now) => {
      if (this.closed || !this.playing) return;
      if (now - this.lastAsk < (this.reduced.matches ? REDUCED_GAP : 30)) return this.ask();
      this.lastAsk = now;
      this.trainer.send("look");
    });
  }

  hear(message) {
    if (message.kind === "trial") return this.trial(message);
    if (message.kind === "ended") return this.ended();
    if (RESTARTING.some((name) => message.settings[name] !== this.settings[name])) return; // of a run that is over
    this.frame = message;
    if (message.step === 0) this.first = message;
    this.draw();
    for (const text of this.events.since(message)) this.live.textContent = text;
    this.report(message);
    if (this.playing) this.ask();
  }

  ended() {
    this.wished = this.playing = false;
    this.showPlaying();
    const said = this.presets.settle({ first: this.first ?? this.frame, last: this.frame });
    if (said) this.live.textContent = said;
  }

  trial(message) {
    this.tally.push(message);
    const text = tallyText(this.tally, this.presets.asked()?.seeds ?? 5);
    this.presets.say(text);
    this.live.textContent = text;
  }

  /** The record, for Python: when training rests, and now and then before. */
  report({ lanes, playing, step }) {
    const now = performance.now();
    if (playing && now - (this.reported ?? 0) < 1000) return;
    this.reported = now;
    this.model.set("record", { step, a: { rows: lanes.a.rows, diverged_at: lanes.a.divergedAt }, b: { rows: lanes.b.rows, diverged_at: lanes.b.divergedAt } });
    this.model.set("playing", this.wished);
    this.model.save_changes();
  }

  fail(reason) {
    this.wished = this.playing = false;
    this.showPlaying();
    this.say(`Nothing can be trained here: the worker did not start (${reason}). The rest of the page works.`);
  }

  // --- what is on the screen ---

  say(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  showPlaying() {
    this.playButton.textContent = this.wished ? "Pause" : "Play";
    this.playButton.setAttribute("aria-pressed", String(this.wished));
  }

  showSettings() {
    const theme = themeOf(this.root);
    for (const card of this.cards) card.show(this.settings, theme);
    for (const control of this.runControls) control.show(this.settings[control.name]);
    if (this.address) this.address.textContent = this.link();
    this.program.refresh();
  }

  /** The address of another chapter of the book; nothing where the book's is not known. */
  chapter(name) {
    return this.model.get("page").replace(/[^/]*$/, (page) => page && `${name}.html`);
  }

  link() {
    return this.model.get("page") + toAddress(this.settings);
  }

  draw() {
    const { frame } = this, theme = themeOf(this.root);
    drawCredit(this.credit, theme, frame, this.range, { strips: !this.simple });
    drawAccuracy(this.accuracy, theme, frame);
    if (!this.simple) {
      drawAngle(this.angle, theme, frame);
      drawGains(this.gains, theme, frame);
      this.norms.textContent = ["a", "b"].map((name) => normText(frame.lanes[name], name)).join(" ");
    }
    this.steps.textContent = `step ${frame.step}`;
    ["a", "b"].forEach((name, i) => this.cards[i].reach(reachedText(frame, name)));
    this.table.show(frame);
    this.root.dataset.training = String(frame.playing);
  }
}
