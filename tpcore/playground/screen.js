// What is on the screen: its parts, and how they show settings and frames. What the reader does goes to `actions` (main.js).

const LANES = ["a", "b"];
const SPEEDS = { 5: "5 steps/s", 30: "30 steps/s", 100: "100 steps/s", 0: "full speed" };

class Screen {
  constructor(el, actions, { simple, effort }) {
    this.simple = simple;
    this.actions = actions;
    this.makeParts(effort, el.clientWidth >= 640 || el.clientWidth === 0);
    this.root = element("div", { class: `playground-view${simple ? " pg-simple" : ""}` }, ...(simple ? this.simpleLayout() : this.fullLayout()));
    el.classList.add("playground-running");
    el.append(this.root);
    this.measure();
  }

  makeParts(effort, wide) {
    const { actions, simple } = this, { change } = actions;
    this.presets = new PresetPanel({ ...actions, only: simple, effort });
    this.credit = new Sheet("credit", "How much of the credit at the last step is left at each earlier step, for both lanes; above it a sequence and the hidden states.");
    this.accuracy = new Sheet("small", "Held-out accuracy of both lanes against the training step.");
    this.angle = new Sheet("small", "Angle between each lane’s direction and the gradient, against the training step.");
    this.gains = new Sheet("small", "What each lane’s operator multiplies a singular value of W by, with the singular values marked.");
    this.sheets = simple ? [this.credit, this.accuracy] : [this.credit, this.accuracy, this.angle, this.gains];
    this.notice = element("p", { class: "pg-notice", role: "status", hidden: true });
    this.live = element("p", { class: "pg-hidden", "aria-live": "polite" });
    this.cards = LANES.map((lane) => laneCard(lane, change, { open: wide, only: simple }));
    this.run = simple ? [] : [...["task", "tau", "d"].map((name) => list(name, FIELDS[name], { change, spoken: "" })), numberField("seed", FIELDS.seed, { change })];
    this.norms = element("p", { class: "pg-norms" });
    this.program = programPanel();
    this.table = tablePanel();
    this.address = element("p", { class: "pg-address" });
  }

  fullLayout() {
    const { actions } = this, copied = element("span", { class: "pg-copied", role: "status" });
    const other = element("button", { type: "button", text: "Another sequence", onclick: actions.sequence });
    const share = element("button", { type: "button", class: "pg-share", text: "Share", onclick: () => copyText(this.address.textContent, copied) });
    return [
      this.presets.root,
      this.notice,
      element("div", { class: "pg-main" },
        element("div", { class: "pg-stage" }, creditTitle(), this.credit.canvas, titled("Held-out accuracy", this.accuracy)),
        element("div", { class: "pg-side" }, this.toolbar(), ...this.cards.map((card) => card.root)),
      ),
      this.presets.chosen,
      element("div", { class: "pg-pictures" }, titled("Angle to the gradient", this.angle), titled("Gain on each singular value of W", this.gains)),
      element("div", { class: "pg-run", role: "group", "aria-label": "Another run" }, element("span", { text: "These start another run:" }), ...this.run.map((control) => control.root), this.norms),
      element("div", { class: "pg-row pg-foot" }, other, share, copied),
      this.program.root,
      this.table.root,
      this.address,
      this.live,
    ];
  }

  simpleLayout() {
    return [
      this.presets.root,
      this.notice,
      element("div", { class: "pg-main" },
        element("div", { class: "pg-stage" }, creditTitle(), this.credit.canvas),
        element("div", { class: "pg-side" }, this.toolbar(), ...this.cards.map((card) => card.root), titled("Held-out accuracy", this.accuracy)),
      ),
      this.presets.chosen,
      this.live,
    ];
  }

  toolbar() {
    const { play, step, reset, speed } = this.actions;
    this.playButton = element("button", { type: "button", class: "pg-play", onclick: play });
    this.steps = element("span", { class: "pg-steps" });
    const stepButton = element("button", { type: "button", class: "pg-step", text: "Step", onclick: step });
    const resetButton = element("button", { type: "button", class: "pg-reset", text: "Reset", onclick: reset });
    const speeds = element("select", { "aria-label": "Speed" }, ...Object.entries(SPEEDS).map(([value, text]) => element("option", { value, text })));
    speeds.value = SPEED;
    speeds.addEventListener("change", () => speed(Number(speeds.value) || null));
    const parts = this.simple ? [this.playButton, resetButton, this.steps] : [this.playButton, stepButton, resetButton, speeds, this.steps];
    return element("div", { class: "pg-toolbar", role: "group", "aria-label": "Training" }, ...parts);
  }

  /** Take sizes and colours from the page; the next picture is drawn from nothing. */
  measure() {
    this.theme = themeOf(this.root);
    for (const sheet of this.sheets) sheet.measure();
    this.rowsDrawn = null;
  }

  showSettings(settings, address) {
    for (const card of this.cards) card.show(settings, this.theme);
    for (const control of this.run) control.show(settings[control.name]);
    this.address.textContent = address;
    this.program.show(settings, this.presets.asked?.steps);
    this.rowsDrawn = null;
  }

  showPlaying(playing) {
    this.playButton.textContent = playing ? "Pause" : "Play";
  }

  /** A notice above the pictures; an empty text takes it away. */
  say(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  announce(text) {
    this.live.textContent = text;
  }

  /** Draw a frame: the credit always, the rest if there are new rows. */
  draw(frame, range) {
    drawCredit(this.credit, this.theme, frame, range, { strips: !this.simple });
    const rows = LANES.map((name) => [frame.lanes[name].rows.length, frame.lanes[name].divergedAt]).join();
    if (rows !== this.rowsDrawn || !frame.playing) this.drawRows(frame);
    this.rowsDrawn = rows;
    this.steps.textContent = `step ${frame.step}`;
    this.root.dataset.training = String(frame.playing);
  }

  drawRows(frame) {
    drawAccuracy(this.accuracy, this.theme, frame);
    LANES.forEach((name, i) => this.cards[i].reach(reachedText(frame, name, this.simple)));
    if (this.simple) return;
    drawAngle(this.angle, this.theme, frame);
    drawGains(this.gains, this.theme, frame);
    this.norms.textContent = LANES.map((name) => normText(frame.lanes[name], name)).join(" ");
    this.table.show(frame);
  }
}

function creditTitle() {
  return element("h2", { text: "Credit, relative to the last step" });
}

/** A sheet with its title. */
function titled(title, sheet) {
  return element("figure", {}, element("figcaption", { text: title }), sheet.canvas);
}
