// The playground: it joins the model's settings, the worker that trains, and the screen.

const REDUCED_GAP = 500; // milliseconds between two pictures where motion is to be reduced
const REPORT_GAP = 1000; // milliseconds between two reports of the record to the model, while training

/** An anywidget's render; the hosted page calls it with a stand-in for the model (page.js). */
function render({ model, el }) {
  const playground = new PlaygroundView(model, el);
  return () => playground.close();
}

class PlaygroundView {
  constructor(model, el) {
    this.model = model;
    this.settings = { ...START, ...model.get("settings") };
    this.playing = false; // what the worker was told
    this.wished = false; // whether it would play if it were seen
    this.seen = false;
    this.run = 0; // counts the starts
    this.reduced = matchMedia("(prefers-reduced-motion: reduce)");
    this.screen = new Screen(el, this.actions(), { simple: model.get("simple"), effort: this.chapter("13-equal-effort") });
    this.trainer = new Trainer((message) => this.hear(message), (reason) => this.fail(reason));
    this.unwatch = watch(this.screen.root, { redraw: () => this.redraw(), seen: (seen) => this.look(seen) });
    this.fromModel = () => this.change(this.model.get("settings"), true);
    this.fromModelPlaying = () => (this.model.get("playing") ? this.play() : this.pause());
    model.on("change:settings", this.fromModel);
    model.on("change:playing", this.fromModelPlaying);
    this.restart();
    this.screen.say(model.get("notice") || "");
  }

  close() {
    this.closed = true;
    this.trainer.close();
    this.unwatch();
    this.model.off("change:settings", this.fromModel);
    this.model.off("change:playing", this.fromModelPlaying);
  }

  // --- what the reader does ---

  actions() {
    return {
      change: (name, value, final) => this.change({ [name]: value }, final),
      choose: (name) => this.choose(name),
      answer: () => this.play(),
      contest: () => this.contest(),
      play: () => (this.wished ? this.pause() : this.play()),
      step: () => this.stepOnce(),
      reset: () => this.restart(),
      speed: (perSecond) => this.trainer.send("speed", { perSecond }),
      sequence: () => this.trainer.send("sequence"),
    };
  }

  /** Take changed settings; `final`: not a slider on its way. */
  change(patch, final) {
    const before = this.settings, after = { ...before, ...patch };
    const changed = Object.keys(after).filter((name) => before[name] !== after[name]);
    this.settings = after;
    if (changed.length && (this.tally || changed.some((name) => RESTARTING.includes(name)))) this.restart();
    else if (changed.length) this.adjust();
    if (final) this.keep();
  }

  /** What acts on the next step. */
  adjust() {
    this.trainer.send("adjust", { settings: this.settings });
    this.showSettings();
    const preset = presetOf(this.settings);
    if (preset !== this.preset) this.screen.presets.show((this.preset = preset));
  }

  choose(name) {
    this.settings = settingsOf(PRESETS[name]);
    this.restart();
    this.keep();
  }

  play() {
    if (this.failed) return;
    const { asked } = this.screen.presets, ends = asked && asked.seeds === 1 && (this.frame?.step ?? 0) < asked.steps;
    this.started = this.wished = true;
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

  /** Both lanes from the start, at rest. */
  restart() {
    this.run += 1;
    this.wished = this.playing = false;
    this.frame = this.first = null;
    this.rows = { a: [], b: [] };
    this.tally = null; // of a contest while it runs
    this.events = new Events();
    this.range = new DecadeRange();
    this.trainer.send("start", { settings: this.settings, run: this.run });
    this.preset = presetOf(this.settings);
    this.screen.presets.show(this.preset);
    if (!this.failed) this.screen.say("");
    this.showSettings();
    this.screen.showPlaying(false);
  }

  contest() {
    if (this.failed) return;
    const { steps, seeds } = this.screen.presets.asked;
    this.tally = [];
    this.wished = this.playing = true;
    this.screen.presets.say("Running…");
    this.trainer.send("contest", { seeds: Array.from({ length: seeds }, (_, i) => i), steps });
    this.screen.showPlaying(true);
  }

  // --- what the browser tells ---

  look(seen) {
    this.seen = seen;
    if (seen && this.model.get("autostart") && !this.started && !this.reduced.matches) this.play();
    else this.tune();
  }

  redraw() {
    this.screen.measure();
    this.showSettings();
    this.drawn = false;
    this.wake();
  }

  /** Train if the reader wishes so and can see it; rest otherwise. */
  tune() {
    const playing = this.wished && this.seen;
    if (playing !== this.playing) this.trainer.send(playing ? "play" : "pause", { stop: this.stop });
    this.playing = playing;
    this.screen.showPlaying(this.wished);
    this.ready = true;
    this.wake();
  }

  /** At the next picture of the browser: draw what the worker has sent, and ask it for more. */
  wake() {
    this.waking ??= requestAnimationFrame((now) => {
      this.waking = null;
      if (this.closed) return;
      this.ask(now);
      if (this.frame && !this.drawn) this.screen.draw(this.frame, this.range);
      this.drawn = true;
      if (this.playing && this.ready) this.wake();
    });
  }

  /** Ask the worker for the step after the one that it takes. */
  ask(now) {
    const due = !this.reduced.matches || now - (this.askedAt ?? -Infinity) >= REDUCED_GAP;
    if (!this.playing || !this.ready || !due) return;
    this.ready = false;
    this.askedAt = now;
    this.trainer.send("look");
  }

  // --- what the worker says ---

  hear(message) {
    if (message.run !== this.run) return; // of a run that is over
    if (message.kind === "trial") this.trial(message);
    else if (message.kind === "ended") this.ended();
    else this.show(message);
  }

  show(frame) {
    for (const name of LANES) {
      this.rows[name].push(...frame.lanes[name].rows);
      frame.lanes[name].rows = this.rows[name];
    }
    this.frame = frame;
    this.first ??= frame;
    this.ready = true;
    if (this.drawn) this.ask(performance.now()); // so that the worker looks while this picture waits for the browser
    this.drawn = false;
    for (const text of this.events.since(frame)) this.screen.announce(text);
    this.report(frame);
    this.wake();
  }

  ended() {
    this.wished = this.playing = false;
    this.screen.showPlaying(false);
    if (this.tally) this.tally = null;
    else this.screen.announce(this.screen.presets.settle({ first: this.first, last: this.frame }));
  }

  trial(message) {
    this.tally.push(message);
    const text = tallyText(this.tally, PRESETS.yours.seeds);
    this.screen.announce(this.screen.presets.say(text));
  }

  /** The record, for Python: when training rests, and now and then before. */
  report({ lanes, playing, step }) {
    const now = performance.now(), of = ({ rows, divergedAt }) => ({ rows: [...rows], diverged_at: divergedAt });
    if (playing && now - (this.reported ?? 0) < REPORT_GAP) return;
    this.reported = now;
    this.model.set("record", { step, a: of(lanes.a), b: of(lanes.b) });
    this.model.set("playing", this.wished);
    this.model.save_changes();
  }

  fail(reason) {
    this.failed = true;
    this.wished = this.playing = false;
    this.screen.showPlaying(false);
    this.screen.say(`Nothing can be trained here: the worker did not start (${reason}). The rest of the page works.`);
  }

  // --- settings ---

  showSettings() {
    this.screen.showSettings(this.settings, this.model.get("page") + toAddress(this.settings));
  }

  /** Tell the model, and with it Python or the address. */
  keep() {
    if (JSON.stringify(this.model.get("settings")) === JSON.stringify(this.settings)) return;
    this.model.set("settings", this.settings);
    this.model.save_changes();
  }

  /** The address of another chapter of the book; nothing where the book's is not known. */
  chapter(name) {
    return this.model.get("page").replace(/[^/]*$/, (page) => page && `${name}.html`);
  }
}
