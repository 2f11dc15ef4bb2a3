// The presets' panel: their buttons, the sentence, and the question that is asked before a run.

/** All settings of a preset. */
function settingsOf(preset) {
  return { ...START, ...preset.settings };
}

/** The name of the preset whose settings these are. Where nothing of lane A was moved it is at least the contest's. */
function presetOf(settings) {
  const same = ({ outcome, ...preset }) => Object.entries(settingsOf(preset)).every(([name, value]) => settings[name] === value || (outcome === "contest" && !/^a(_|$)/.test(name)));
  return Object.keys(PRESETS).find((name) => same(PRESETS[name]));
}

class PresetPanel {
  /** `choose`, `answer` and `contest` are called with what the reader does; `only`: one preset, no buttons. */
  constructor({ choose, answer, contest, only, effort }) {
    Object.assign(this, { answer, contest, only, effort });
    this.buttons = Object.entries(PRESETS).map(([name, { title }]) => {
      return element("button", { type: "button", class: "pg-preset", "data-preset": name, text: title, onclick: () => choose(name) });
    });
    const row = element("div", { class: "pg-presets", role: "group", "aria-label": "Presets" }, ...this.buttons);
    this.sentence = element("p", { class: "pg-sentence" });
    this.question = element("div", { class: "pg-question" });
    this.verdict = element("p", { class: "pg-verdict" });
    this.chosen = element("details", { class: "pg-chosen" });
    this.root = element("div", { class: "pg-intro" }, ...(only ? [] : [row]), this.sentence, this.question, this.verdict);
  }

  /** Show the preset of a name, or that there is none; forget the last guess and verdict. */
  show(name) {
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.preset === name));
    this.asked = this.only && PRESETS[name]?.outcome === "contest" ? null : PRESETS[name] ?? null;
    this.guess = null;
    this.sentence.textContent = this.asked?.sentence ?? "Settings of your own. Watch what they do to the credit, then to the accuracy.";
    this.verdict.textContent = "";
    this.question.replaceChildren(...(this.asked ? this.asking() : []));
    this.chosen.hidden = !this.asked?.chosen;
    if (!this.chosen.hidden) this.chosen.replaceChildren(element("summary", { text: "How these settings were chosen" }), element("p", {}, ...labelled(this.asked.chosen + " "), ...this.elsewhere()));
  }

  asking() {
    const { question, options, outcome } = this.asked;
    const answers = Object.entries(options).map(([value, text]) => {
      return element("button", { type: "button", class: "pg-answer", "data-answer": value, "aria-pressed": "false", text, onclick: () => this.take(value) });
    });
    const contest = element("button", { type: "button", class: "pg-answer", text: "Run five seeds", onclick: this.contest });
    return [element("strong", { text: question }), ...answers, ...(outcome === "contest" ? [contest, ...this.elsewhere()] : [])];
  }

  /** A link to the chapter with the fair comparison, where the book's address is known. */
  elsewhere() {
    return this.effort ? [element("a", { href: this.effort, text: "What equal effort found" })] : [];
  }

  take(guess) {
    this.guess = guess;
    for (const button of this.question.querySelectorAll("[data-answer]")) button.setAttribute("aria-pressed", String(button.dataset.answer === guess));
    this.answer();
  }

  /** Say once how the run came out; returns the words. */
  settle(run) {
    if (!this.asked || this.verdict.textContent) return "";
    return this.say(verdictOf(this.asked, this.guess, run));
  }

  say(text) {
    return (this.verdict.textContent = text);
  }
}
