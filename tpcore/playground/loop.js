// The worker's loop: it trains for a moment, then looks for messages, so that Pause and sliders act at once.

const SLICE = 8; // milliseconds of training between two looks for messages
const CATCH_UP = 100; // milliseconds: what a delayed turn may make up for at a limited speed

let race = null; // the two lanes
const shown = new Space(), tried = new Space(); // of the race, and of a contest's trials
let playing = false;
let activity = null; // a generator that takes one step each time: the race, or a contest
let contesting = false; // which it does as fast as it can
let perSecond = Infinity;
let due = 0; // steps that the speed allows now
let lastTurn = 0;
let run = 0; // which start of the page's this is
let told = { a: 0, b: 0, step: -1 }; // the rows of each lane that the page has, and the step that it shows
let lookWanted = false;
let scheduled = false;
let stopAt = Infinity;

const messages = {
  start({ settings, run: given }) {
    race = new Race(settings, shown);
    run = given;
    told = { a: 0, b: 0, step: -1 };
    activity = null;
    contesting = false;
    stopAt = Infinity;
    playing = lookWanted = false;
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
  /** The page is ready for another picture: it gets the next step's. */
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
    postMessage({ kind: "trial", run, seed, steps, a: score(trial, "a"), b: score(trial, "b") });
  }
}

function score(trial, name) {
  const { rows, divergedAt } = trial.lanes[name], chance = chanceOf(trial.task);
  const missing = trial.step / LOG_EVERY + 1 - rows.length;
  const sum = rows.reduce((total, row) => total + row.accuracy, 0) + missing * chance;
  return { mean: sum / (rows.length + missing), last: divergedAt === null ? rows.at(-1).accuracy : chance, divergedAt };
}

function turn() {
  scheduled = false;
  if (playing) work();
  if (lookWanted && race.step > told.step) tell();
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
      postMessage({ kind: "ended", run });
    }
  }
}

const soon = new MessageChannel(); // a timer would pause for 4 ms
soon.port1.onmessage = turn;

function schedule() {
  if (scheduled) return;
  scheduled = true;
  if (playing && due < 1) setTimeout(turn, Math.min(50, ((1 - due) * 1000) / perSecond));
  else soon.port2.postMessage(null);
}

/** Everything that the page shows, of this moment; of the record the rows that it does not have. */
function tell() {
  lookWanted = false;
  const { step, settings, task, shown: which } = race, lanes = {};
  for (const [name, lane] of Object.entries(race.lanes)) {
    lanes[name] = { rows: lane.rows.slice(told[name]), divergedAt: lane.divergedAt, ...lane.look(race) };
    told[name] = lane.rows.length;
  }
  told.step = step;
  postMessage({ kind: "frame", run, step, playing, settings, shown: which, sequence: race.sequence(), markers: task.markers(settings.tau), chance: chanceOf(task), lanes });
}

onmessage = ({ data }) => messages[data.kind](data);
postMessage({ kind: "ready" });
