// The same numbers as tables, and a live region that says what happens.

const ROWS = 12; // of a table that would be longer

/** A table from a head and rows of texts. */
function table(caption, head, rows) {
  const cells = (tag, texts) => element("tr", {}, ...texts.map((text) => element(tag, { text })));
  return element("table", {}, element("caption", { text: caption }), element("thead", {}, cells("th", head)), element("tbody", {}, ...rows.map((row) => cells("td", row))));
}

/** The panel with both tables; it is filled while it is open. */
function tablePanel() {
  const body = element("div", { class: "pg-tables" });
  const root = element("details", { class: "pg-table" }, element("summary", { text: "The numbers as tables" }), body);
  const fill = ({ settings, lanes }) => {
    const pick = (rows) => rows.filter((_, i) => i % Math.ceil(rows.length / ROWS) === 0 || i === rows.length - 1);
    const longest = pick(lanes.a.rows.length >= lanes.b.rows.length ? lanes.a.rows : lanes.b.rows);
    const runs = longest.map(({ step }) => [String(step), ...LANES.flatMap((name) => described(lanes[name].rows.find((row) => row.step === step)))]);
    const times = Array.from({ length: settings.tau + 1 }, (_, t) => [String(t), ...LANES.map((name) => readable(lanes[name].norms[t]))]);
    const carries = LANES.map((name) => `${settings[name] === "bp" ? "‖λ_t‖" : "‖δ_t‖"}, lane ${name.toUpperCase()}`);
    body.replaceChildren(
      table("Training", ["step", "right, A", "loss, A", "angle, A", "right, B", "loss, B", "angle, B"], runs),
      table("What flows back", ["t", ...carries], times),
    );
  };
  let latest = null;
  const show = (frame) => {
    latest = frame;
    if (root.open && latest) fill(latest);
  };
  root.addEventListener("toggle", () => show(latest));
  return { root, show };
}

function described(row) {
  if (!row) return ["diverged", "", ""];
  return [percent(row.accuracy), row.loss === null ? "" : readable(row.loss), row.angle === null ? "" : `${Math.round(row.angle)}°`];
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

/** What has newly happened in a frame, in words: a lane has reached 90 or 99 %, or diverged. */
class Events {
  constructor() {
    this.said = new Set();
  }

  since({ settings, lanes }) {
    const found = [];
    for (const [name, { rows, divergedAt }] of Object.entries(lanes)) {
      const lane = `Lane ${name.toUpperCase()}`;
      for (const share of [0.9, 0.99]) {
        const row = rows.find(({ accuracy }) => accuracy >= share);
        if (row) this.once(found, `${lane} reached ${percent(share)} at step ${row.step}.`);
      }
      if (divergedAt !== null) this.once(found, `${lane} ${divergence(settings, name, divergedAt)}.`);
    }
    return found;
  }

  once(found, text) {
    if (!this.said.has(text)) found.push(text);
    this.said.add(text);
  }
}

function divergence(settings, name, step) {
  const number = { paper: "r", cal: "r", geo: "p" }[settings[name]], value = settings[`${name}_${number}`];
  const exact = number && value < (number === "p" ? 0 : 1);
  const why = exact ? `${number} = ${readable(value)} inverts too exactly` : "its steps are too large";
  return `diverged at step ${step}: ${why}`;
}
