// Two lanes that start from the same weights and take the same batches; and what is measured of them.

const BATCH = 20;
const HELD_OUT = 10; // batches
const LOG_EVERY = 10; // steps
const GAIN_GRID = Array.from({ length: 41 }, (_, i) => 10 ** (i / 20 - 1)); // singular values at which gains are drawn

/** A lane's own settings, from those of both. */
function laneSettings(settings, name) {
  const own = { rule: settings[name] };
  for (const key of ["r", "p", "gamma_h", "gamma_theta", "accumulate", "optimizer"]) own[key] = settings[`${name}_${key}`];
  return own;
}

class Lane {
  constructor(race, name, weights) {
    const { inputs, outputs, lossAtChance } = race.task;
    this.schedule = new ByLoss(lossAtChance);
    this.adjust(laneSettings(race.settings, name));
    this.network = new Network(race.space, inputs, race.settings.d, outputs, race.settings.tau, BATCH);
    this.network.parameters.all.set(weights);
    this.optimizer = new Optimizer(this.network.count());
    this.rows = [];
    this.losses = [];
    this.divergedAt = null;
  }

  adjust(settings) {
    this.settings = settings;
    this.follow();
  }

  /** Under targets first p is where the schedule has come to. */
  follow() {
    if (this.settings.rule === "first") this.settings.p = this.schedule.position;
  }

  step(race) {
    if (this.divergedAt !== null) return;
    const loss = trainingStep(this.network, this.optimizer, this.settings, race.inputs, race.targets, race.task.classes);
    if (loss === null) {
      this.divergedAt = race.step;
      return;
    }
    this.losses.push(loss);
    this.schedule.step(loss);
    this.follow();
  }

  /** Accuracy and loss on the held-out sequences. */
  evaluate(race) {
    let right = 0, heldOutLoss = 0;
    for (const [inputs, targets] of race.heldOut) {
      this.network.forward(inputs);
      const judged = this.network.judge(targets, race.task.classes);
      right += judged.right;
      heldOutLoss += judged.loss / HELD_OUT;
    }
    return { accuracy: right / (BATCH * HELD_OUT), heldOutLoss };
  }

  /** One row of the record: on the held-out sequences, and of the directions on the first batch of them. */
  log(race, { accuracy, heldOutLoss } = this.evaluate(race)) {
    if (!Number.isFinite(heldOutLoss)) {
      this.divergedAt = race.step;
      return;
    }
    const loss = this.losses.length ? this.losses.reduce((sum, x) => sum + x, 0) / this.losses.length : null;
    this.losses = [];
    this.rows.push({ step: race.step, loss, accuracy, ...this.direction(race) });
  }

  /** The angle in degrees between the recurrent part's direction and its gradient, and the share of credit at t = 1. */
  direction(race) {
    const { network, settings } = this, inputs = this.judgeFirst(race);
    setDirections(network, inputs, { rule: "bp" }, network.reference);
    setDirections(network, inputs, settings, network.gradient);
    const angle = angleBetween(network.gradient.all, network.reference.all, network.recurrentCount());
    const norms = flowNorms(network), credit = norms[1] / norms[norms.length - 1];
    return { angle: settings.rule === "bp" ? 0 : angle, credit: Number.isFinite(credit) ? credit : null };
  }

  judgeFirst(race) {
    const [inputs, targets] = race.heldOut[0];
    this.network.forward(inputs);
    this.network.judge(targets, race.task.classes);
    return inputs;
  }

  /** What flows back on the first held-out batch, and the states of one of its sequences. */
  look(race) {
    const { network, settings } = this;
    setDirections(network, this.judgeFirst(race), settings, network.gradient);
    const sigma = this.singular(race), gain = (x) => RULES[settings.rule].gain(x, settings);
    const gains = { curve: GAIN_GRID.map(gain), atSigma: sigma.map(gain) };
    return { norms: flowNorms(network), states: firstStates(network, race.shown), sigma, gains, power: settings.p };
  }

  /** The singular values of W, largest first; kept for ten steps. */
  singular(race) {
    if (!this.sigma || Math.abs(race.step - this.sigmaAt) >= LOG_EVERY) {
      const { parameters, d } = this.network;
      this.sigma = singularVectors(parameters.W, d, d).sigma.sort().reverse();
      this.sigmaAt = race.step;
    }
    return this.sigma;
  }
}

class Race {
  constructor(settings, space) {
    this.settings = settings;
    this.space = space.clear();
    this.task = TASKS[settings.task];
    this.step = 0;
    this.shown = 0; // which of the first held-out batch's sequences is shown
    this.draw = uniform(settings.seed, 1);
    [this.inputs, this.targets] = this.room();
    const draw = uniform(settings.seed, 2);
    this.heldOut = Array.from({ length: HELD_OUT }, () => this.fill(draw, this.room()));
    const weights = this.firstWeights();
    this.lanes = { a: new Lane(this, "a", weights), b: new Lane(this, "b", weights) };
    const evaluated = this.lanes.a.evaluate(this); // and so of lane B
    for (const lane of Object.values(this.lanes)) lane.log(this, evaluated);
  }

  firstWeights() {
    const network = new Network(this.space, this.task.inputs, this.settings.d, this.task.outputs, 0, 0);
    network.initialize(uniform(this.settings.seed, 0));
    return network.parameters.all;
  }

  room() {
    return [this.space.array(this.settings.tau * BATCH * this.task.inputs), new Float64Array(BATCH)];
  }

  fill(draw, [inputs, targets]) {
    this.task.fill(draw, this.settings.tau, BATCH, inputs, targets);
    return [inputs, targets];
  }

  /** Take what a moved slider says, from the next step on. */
  adjust(settings) {
    this.settings = settings;
    for (const [name, lane] of Object.entries(this.lanes)) lane.adjust(laneSettings(settings, name));
  }

  /** The inputs of the sequence that is shown, (τ, p). */
  sequence() {
    const [inputs] = this.heldOut[0], p = this.task.inputs, start = this.shown * p;
    return Array.from({ length: this.settings.tau * p }, (_, i) => inputs[Math.floor(i / p) * BATCH * p + start + (i % p)]);
  }

  get over() {
    return Object.values(this.lanes).every((lane) => lane.divergedAt !== null);
  }

  take() {
    this.step += 1;
    this.fill(this.draw, [this.inputs, this.targets]);
    for (const lane of Object.values(this.lanes)) lane.step(this);
    if (this.step % LOG_EVERY === 0) this.log();
  }

  log() {
    for (const lane of Object.values(this.lanes)) if (lane.divergedAt === null) lane.log(this);
  }
}

/** ‖D_t‖ over the whole batch, for t = 0 … τ. */
function flowNorms({ d, batch, length, flows }) {
  const norms = new Float64Array(length + 1), size = batch * d;
  for (let t = 0; t <= length; t++) norms[t] = norm(flows, t * size, size);
  return norms;
}

/** A norm that neither overflows nor loses what is tiny. */
function norm(x, from, size) {
  let largest = 0, sum = 0;
  for (let i = from; i < from + size; i++) largest = Math.max(largest, Math.abs(x[i]));
  if (!(largest > 0) || !Number.isFinite(largest)) return largest;
  for (let i = from; i < from + size; i++) sum += (x[i] / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** In degrees; null where one of them is zero. */
function angleBetween(x, y, count) {
  const one = norm(x, 0, count), other = norm(y, 0, count);
  let cosine = 0;
  for (let i = 0; i < count; i++) cosine += (x[i] / one) * (y[i] / other);
  return Number.isFinite(cosine) ? (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI : null;
}

/** h_1 … h_τ of one sequence of the batch, (τ, d). */
function firstStates({ d, batch, length, states }, which) {
  const found = new Float32Array(length * d);
  for (let t = 1; t <= length; t++) {
    for (let i = 0; i < d; i++) found[(t - 1) * d + i] = states[(t * batch + which) * d + i];
  }
  return found;
}
