// What the playground says of its runs, in words.

/** What a lane has reached, in a line; `brief`: no more than that. */
function reachedText({ settings, lanes }, name, brief) {
  const { rows, divergedAt, power } = lanes[name], { accuracy, angle } = rows.at(-1);
  if (divergedAt !== null) return `✕ ${divergence(settings, name, divergedAt)}. Reset starts again.`;
  if (brief) return `${percent(accuracy)} right`;
  const turned = settings[name] === "bp" ? "" : angle === null ? ", no gradient left" : `, ${Math.round(angle)}° to the gradient`;
  const moved = settings[name] === "first" ? `, p\u00a0=\u00a0${power.toFixed(2)}` : "";
  return `${percent(accuracy)} right${turned}${moved}`;
}

function normText({ sigma }, name) {
  return `Lane ${name.toUpperCase()}: ‖W‖ = ${readable(sigma[0])}, smallest singular value ${readable(sigma.at(-1))}.`;
}

/** The contest so far: each seed, and after the last the verdict. */
function tallyText(tally, seeds) {
  const won = (name, other) => tally.filter((trial) => trial[name].mean > trial[other].mean).length;
  const mean = (name) => tally.map((trial) => trial[name].mean);
  const score = `After ${tally.length} of ${seeds} seeds lane B is above lane A on ${won("b", "a")}, below on ${won("a", "b")}`;
  const average = (name) => percent(mean(name).reduce((sum, x) => sum + x, 0) / tally.length);
  const numbers = `; mean accuracy along ${tally[0].steps} steps: A ${average("a")}, B ${average("b")}.`;
  if (tally.length < seeds) return score + numbers;
  const ahead = Math.min(...mean("b")) > Math.max(...mean("a")) ? "Lane B is ahead." : Math.min(...mean("a")) > Math.max(...mean("b")) ? "Lane A is ahead." : "Neither is ahead.";
  return `${score}${numbers} ${ahead}`;
}
