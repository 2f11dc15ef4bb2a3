// What a run has made of a preset's question: the answer that came true, and the numbers that say so.

const REACHES = 0.01; // credit counts as having reached a step if this share of the last step's is left

/** By a preset's `outcome`; `first` and `last` are frames of the run. */
const OUTCOMES = {
  shape({ last }) {
    const most = Math.max(...last.lanes.b.rows.map(({ credit }) => credit ?? 0), creditAt(last.lanes.b, 1) || 0);
    const answer = most > 10 ? "explodes" : most < 0.1 ? "fades" : "level";
    return { answer, because: `At its most, lane B’s credit at the first step was ${times(most)} that at the last.` };
  },
  reach({ first }) {
    const [from, to] = first.markers[0], middle = Math.round((from + 1 + to) / 2);
    const [a, b] = ["a", "b"].map((name) => creditAt(first.lanes[name], middle));
    const answer = a >= REACHES && b >= REACHES ? "both" : a >= REACHES ? "a" : b >= REACHES ? "b" : "neither";
    return { answer, because: `Before training, ${times(a)} of the last step’s credit reached it in lane A, and ${times(b)} in lane B.` };
  },
  first({ last }) {
    const [a, b] = ["a", "b"].map((name) => reachedAt(last.lanes[name], 0.9));
    const said = (step) => (step === Infinity ? "had not got there" : `got there at step ${step}`);
    const answer = a === b ? (a === Infinity ? "neither" : "both") : a < b ? "a" : "b";
    return { answer, because: `Lane A ${said(a)}, lane B ${said(b)}.` };
  },
  angle({ last }) {
    const angle = last.lanes.b.rows.at(-1).angle ?? NaN;
    const answer = angle < 1 ? "same" : angle <= 30 ? "near" : "far";
    return { answer, because: `At step ${last.step} lane B’s direction stood ${readable(angle)}° from the gradient.` };
  },
};

/** The credit at a time step as a share of the last step's. */
function creditAt({ norms }, t) {
  return norms[t] / norms[norms.length - 1];
}

/** The step at which a lane first had so many answers right. */
function reachedAt({ rows }, accuracy) {
  return rows.find((row) => row.accuracy >= accuracy)?.step ?? Infinity;
}

function times(share) {
  return Number.isFinite(share) ? `${readable(share)} ×` : "nothing of";
}

/** The verdict on a guess, which may be null; nothing where the preset is a contest. */
function verdictOf(preset, guess, run) {
  if (!OUTCOMES[preset.outcome]) return "";
  const { answer, because } = OUTCOMES[preset.outcome](run);
  const said = guess === null ? "" : guess === answer ? "As you said. " : `You said: ${preset.options[guess]}. It came otherwise. `;
  return `${said}${preset.options[answer] ?? "Both at once"}. ${because}`;
}
