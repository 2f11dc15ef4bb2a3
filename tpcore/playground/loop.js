// The worker's loop: it trains for a moment, then looks for messages, so that Pause and sliders act at once.

const SLICE = 25; // milliseconds of training between two looks for messages: a timer's own pause is 4
const CATCH_UP = 100; // milliseconds: what a delayed turn may make up for at a limited speed

let race = null; // the two lanes
const shown = new Space(), tried = new Space(); // of the race, and of a contest's trials
let playing = false;
let activity = null; // a generator that takes one step each time: the race, or a contest
let contesting = false; // which it does as fast as it can
let perSecond = Infinity;
let due = 0; // steps that the speed allows now
let lastTurn = 0;
let lookWanted = true;
let scheduled = false;
let stopAt = Infinity;

const messages = {
  start({ settings, stop }) {
    race = new Race(settings, shown);
    activity = null;
    contesting = false;
    stopAt = stop ?? Infinity;
    playing = false;
    tell();
  },
  adjust({ settings }) {
    race.adjust(settings);
    if (!playing) tell();
  },
  play({ stop }) {
    if (stop !== undefined) stopAt = stop ?? Infinity;
    activity ??= running();
    playing = true;
    lastTurn = performance.now();
    schedule();
  },
  pause() {
    playing = false;
    due = 0;
    tell();
  },
  step() {
    playing = false;
    race.take();
    tell();
  },
  speed({ perSecond: given }) {
    perSecond = given ?? Infinity;
  },
  look() {
    lookWanted = true;
    schedule();
  },
  sequence() {
    race.shown = (race.shown + 1) % BATCH;
    tell();
  },
  contest({ seeds, steps }) {
    activity = contest(race.settings, seeds, steps);
    contesting = playing = true;
    lastTurn = performance.now();
    schedule();
  },
};

function* running() {
  while (!race.over && race.step < stopAt) {
    race.take();
    yield;
  }
}

/** Both lanes from each of the seeds; a lane's score is its mean accuracy along training, chance after a divergence. */
function* contest(settings, seeds, steps) {
  for (const seed of seeds) {
    const trial = new Race({ ...settings, seed }, tried);
    while (trial.step < steps) {
      trial.take();
      yield;
    }
    postMessage({ kind: "trial", seed, steps, a: score(trial, "a"), b: score(trial, "b") });
  }
}

function score(trial, name) {
  const { rows, divergedAt } = trial.lanes[name], chance = trial.task.classes ? 1 / trial.task.outputs : 0;
  const missing = trial.step / LOG_EVERY + 1 - rows.length;
  const sum = rows.reduce((total, row) => total + row.accuracy, 0) + missing * chance;
  return { mean: sum / (rows.length + missing), last: divergedAt === null ? rows.at(-1).accuracy : chance, divergedAt };
}

function turn() {
  scheduled = false;
  if (playing) work();
  if (lookWanted) tell();
  if (playing) schedule();
}

function work() {
  const now = performance.now(), waited = Math.min(now - lastTurn, CATCH_UP) / 1000;
  due = contesting || perSecond === Infinity ? Infinity : Math.min(due, 1) + waited * perSecond;
  lastTurn = now;
  while (playing && due >= 1 && performance.now() - now < SLICE) {
    due -= 1;
    if (activity.next().done) {
      activity = null;
      contesting = playing = false;
      due = 0;
      tell();
      postMessage({ kind: "ended" });
    }
  }
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  setTimeout(turn, playing && due < 1 ? Math.min(50, 1000 / perSecond) : 0);
}

/** Everything that the page shows, of this moment. */
function tell() {
  lookWanted = false;
  if (race === null) return;
  const [inputs] = race.heldOut[0], { p } = race.lanes.a.network;
  const sequence = Array.from({ length: race.settings.tau * p }, (_, i) => inputs[(Math.floor(i / p) * BATCH + race.shown) * p + (i % p)]);
  const lanes = {};
  for (const [name, lane] of Object.entries(race.lanes)) {
    lanes[name] = { rows: lane.rows, divergedAt: lane.divergedAt, ...lane.look(race) };
  }
  postMessage({ kind: "frame", step: race.step, playing, sequence, settings: race.settings, lanes });
}

onmessage = ({ data }) => messages[data.kind](data);
postMessage({ kind: "ready" });
