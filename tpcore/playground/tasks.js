// The tasks of tpcore.tasks. `fill` draws a batch: inputs (τ, B, p), time in front, and one target a sequence.

// `lossAtChance` is that of an answer which knows nothing of its input: log 4, and the variance of the adding task's answers.
const TASKS = {
  order: { inputs: 6, outputs: 4, classes: true, lossAtChance: Math.log(4), markers: (length) => [tenth(1, length), tenth(5, length)], fill: fillOrder },
  adding: { inputs: 2, outputs: 1, classes: false, lossAtChance: 1 / 24, markers: (length) => [[0, tenth(0, length)[1]], [tenth(1, length)[0], tenth(5, length)[0]]], fill: fillAdding },
};
const TOLERANCE = 0.04; // an answer of the adding task counts as right within it

/** The share of answers that are right by chance. */
function chanceOf({ classes, outputs }) {
  return classes ? 1 / outputs : 0;
}

/** The positions from the given tenth of the sequence to the next, as [first, after the last]. */
function tenth(number, length) {
  return [Math.ceil((number * length) / 10), Math.ceil(((number + 1) * length) / 10)];
}

/** Temporal order: symbols 2 to 5, and two markers, each 0 or 1; the class is 2·first + second. */
function fillOrder(draw, length, batch, inputs, targets) {
  const ranges = TASKS.order.markers(length);
  inputs.fill(0);
  for (let b = 0; b < batch; b++) {
    const places = ranges.map(([low, high]) => integer(draw, low, high));
    const markers = places.map(() => integer(draw, 0, 2));
    targets[b] = 2 * markers[0] + markers[1];
    for (let t = 0; t < length; t++) {
      const other = integer(draw, 2, 6), marker = places.indexOf(t);
      inputs[(t * batch + b) * 6 + (marker < 0 ? other : markers[marker])] = 1;
    }
  }
}

/** Adding: numbers in [0, 1) and two marks; the answer is half the sum of the marked numbers. */
function fillAdding(draw, length, batch, inputs, targets) {
  const ranges = TASKS.adding.markers(length);
  inputs.fill(0);
  for (let b = 0; b < batch; b++) {
    const places = ranges.map(([low, high]) => integer(draw, low, high));
    for (let t = 0; t < length; t++) inputs[(t * batch + b) * 2] = draw();
    for (const t of places) inputs[(t * batch + b) * 2 + 1] = 1;
    targets[b] = places.reduce((sum, t) => sum + inputs[(t * batch + b) * 2], 0) / 2;
  }
}
