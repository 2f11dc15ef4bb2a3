// Presets: where to start, what to watch, and the question that is asked before and answered by the run.

const REACHES = 0.01; // credit counts as having reached a step if this share of the last step's is left

/** Which answer a run has made true, and the numbers that say so. `first` and `last` are frames of the run. */
const OUTCOMES = {
  shape({ last }) {
    const most = Math.max(...last.lanes.b.rows.map(({ credit }) => credit ?? 0), creditAt(last.lanes.b, 1) || 0);
    const answer = most > 10 ? "explodes" : most < 0.1 ? "fades" : "level";
    return { answer, because: `At its most, lane B’s credit at the first step was ${times(most)} that at the last.` };
  },
  reach({ first }) {
    const [from, to] = markerRanges(first.settings)[0], middle = Math.round((from + 1 + to) / 2);
    const [a, b] = ["a", "b"].map((name) => creditAt(first.lanes[name], middle));
    const answer = a >= REACHES && b >= REACHES ? "both" : a >= REACHES ? "a" : b >= REACHES ? "b" : "neither";
    return { answer, because: `Before training, ${times(a)} of the last step’s credit reached it in lane A, and ${times(b)} in lane B.` };
  },
  first({ last }) {
    const [a, b] = ["a", "b"].map((name) => last.lanes[name].rows.find((row) => row.accuracy >= 0.9)?.step ?? Infinity);
    const said = (step) => (step === Infinity ? "not yet" : `at step ${step}`);
    const answer = a === b ? (a === Infinity ? "neither" : "both") : a < b ? "a" : "b";
    return { answer, because: `Lane A got there ${said(a)}, lane B ${said(b)}.` };
  },
  angle({ last }) {
    const angle = last.lanes.b.rows.at(-1).angle ?? NaN;
    const answer = angle < 1 ? "same" : angle <= 30 ? "near" : "far";
    return { answer, because: `At step ${last.step} lane B’s direction stood ${readable(angle)}° from the gradient.` };
  },
};

function creditAt({ norms }, t) {
  return norms ? norms[t] / norms[norms.length - 1] : NaN;
}

function times(share) {
  return Number.isFinite(share) ? `${readable(share)} ×` : "nothing of";
}

/** The row of presets, the sentence, and the question with its answers. */
function presetPanel({ choose, answer, contest, only, effort }) {
  const buttons = Object.entries(PRESETS).map(([name, preset]) => {
    return element("button", { type: "button", class: "pg-preset", "data-preset": name, text: preset.title, onclick: () => choose(name) });
  });
  const row = element("div", { class: "pg-presets", role: "group", "aria-label": "Presets" }, ...buttons);
  const sentence = element("p", { class: "pg-sentence" });
  const question = element("div", { class: "pg-question" });
  const verdict = element("p", { class: "pg-verdict" });
  let asked = null, guessed = null;
  const show = (name) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.preset === name));
    [asked, guessed] = [name && PRESETS[name], null];
    sentence.textContent = asked ? asked.sentence : "Settings of your own. Watch what they do to the credit, then to the accuracy.";
    verdict.textContent = "";
    question.replaceChildren();
    if (!asked) return;
    question.append(element("strong", { text: asked.question }));
    for (const [value, text] of Object.entries(asked.options)) {
      question.append(element("button", { type: "button", class: "pg-answer", "data-answer": value, "aria-pressed": "false", text, onclick: () => guess(value) }));
    }
    if (asked.outcome === "contest") {
      question.append(element("button", { type: "button", class: "pg-answer", text: "Run five seeds", onclick: contest }));
      if (effort) question.append(element("a", { href: effort, text: "What equal effort found" }));
    }
  };
  const guess = (value) => {
    guessed = value;
    for (const button of question.querySelectorAll("[data-answer]")) button.setAttribute("aria-pressed", String(button.dataset.answer === value));
    answer();
  };
  /** Say how the run came out; returns the words. */
  const settle = (run) => {
    if (!asked || !OUTCOMES[asked.outcome] || verdict.textContent) return "";
    const { answer: found, because } = OUTCOMES[asked.outcome](run);
    const said = guessed === null ? "" : guessed === found ? "As you said. " : `You said: ${asked.options[guessed]}. It came otherwise. `;
    verdict.textContent = `${said}${asked.options[found] ?? { both: "Both at once", neither: "Neither" }[found]}. ${because}`;
    return verdict.textContent;
  };
  const say = (text) => (verdict.textContent = text);
  return { root: element("div", { class: "pg-intro" }, ...(only ? [] : [row]), sentence, question, verdict), show, settle, say, asked: () => asked };
}
