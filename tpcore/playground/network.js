// The network of tpcore.nn.SequenceClassifier: h_t = tanh(W h_{t−1} + U x_t + b_ih + b_hh), a linear layer reads h_τ.

const TABLE = Float64Array.from({ length: 20 * 64 + 2 }, (_, i) => Math.tanh(i / 64));

/** Overwrite x by tanh x, to rounding: tanh(c + s) from a table of tanh c and a short series for tanh s. */
function tanhInPlace(x, from, to) {
  for (let i = from; i < to; i++) {
    const v = x[i], size = v < 0 ? -v : v;
    if (size < 20) {
      const cell = (size * 64 + 0.5) | 0, s = size - cell * 0.015625, q = s * s, T = TABLE[cell];
      const u = s * (1 - q * (1 / 3 - q * (2 / 15 - q * (17 / 315))));
      const y = (T + u) / (1 + T * u);
      x[i] = v < 0 ? -y : y;
    } else if (size >= 20) {
      x[i] = v < 0 ? -1 : 1;
    } // what is not a number stays so
  }
}

/** Parameters, and all arrays that a training step writes: nothing is allocated while it runs. */
class Network {
  constructor(space, inputs, hidden, outputs, length, batch) {
    Object.assign(this, { space, p: inputs, d: hidden, q: outputs, length, batch });
    const room = (n) => space.array(n), all = length * batch * hidden;
    this.parameters = this.layout(room(this.count()));
    this.gradient = this.layout(room(this.count()));
    this.reference = this.layout(room(this.count())); // back-propagation's, for the angle
    this.states = room(all + batch * hidden); // h_0 … h_τ
    this.last = this.states.subarray(all); // h_τ
    this.slopes = room(all); // a′(z_1) … a′(z_τ), and so the next two
    this.gains = room(all);
    this.shares = room(all); // a′ ⊙ D: what the parameters' products take
    this.flows = room(all + batch * hidden); // D_0 … D_τ
    this.through = room(all + batch * hidden); // μ_0 … μ_τ
    this.scaled = room(batch * hidden);
    this.operator = room(hidden * hidden);
    this.scratch = room(hidden * hidden);
    this.turned = { U: room(inputs * hidden), W: room(hidden * hidden), V: room(outputs * hidden) }; // transposed
    this.outputs = room(batch * outputs);
    this.onOutputs = room(batch * outputs); // ∂ℓ/∂outputs
  }

  count() {
    return this.recurrentCount() + this.q * (this.d + 1);
  }

  recurrentCount() {
    return this.d * (this.p + this.d + 2);
  }

  /** The parts of a vector of parameters, in torch's order. */
  layout(all) {
    const { p, d, q } = this;
    let at = 0;
    const part = (size) => all.subarray(at, (at += size));
    return { all, U: part(d * p), W: part(d * d), b_ih: part(d), b_hh: part(d), V: part(q * d), c: part(q) };
  }

  /** Orthonormal matrices, each the polar factor of a uniform one; zero biases. */
  initialize(draw) {
    const { p, d, q, parameters } = this;
    parameters.all.fill(0);
    setOrthonormal(parameters.U, d, p, draw);
    setOrthonormal(parameters.W, d, d, draw);
    setOrthonormal(parameters.V, q, d, draw);
  }

  /** Fill states, slopes and outputs from inputs (τ, B, p). */
  forward(inputs) {
    const { space, p, d, q, length, batch, states, slopes, outputs, turned } = this, size = batch * d;
    const { U, W, b_ih, b_hh, V, c } = this.parameters;
    setTransposed(turned.U, U, d, p);
    setTransposed(turned.W, W, d, d);
    setTransposed(turned.V, V, q, d);
    for (let i = 0; i < d; i++) states[size + i] = b_ih[i] + b_hh[i];
    repeat(states, size, d);
    space.addProduct(states, size, inputs, 0, p, 1, length * batch, turned.U, p, d);
    for (let t = 1; t <= length; t++) {
      space.addProduct(states, t * size, states, (t - 1) * size, d, 1, batch, turned.W, d, d);
      tanhInPlace(states, t * size, (t + 1) * size);
    }
    for (let i = 0; i < slopes.length; i++) slopes[i] = 1 - states[size + i] * states[size + i];
    outputs.set(c);
    repeat(outputs, 0, q);
    space.addProduct(outputs, 0, states, length * size, d, 1, batch, turned.V, d, q);
  }

  /** The loss of the outputs, its gradient in `onOutputs`, and how many answers are right. */
  judge(targets, classes) {
    return classes ? this.crossEntropy(targets) : this.squaredError(targets);
  }

  crossEntropy(targets) {
    const { q, batch, outputs, onOutputs } = this;
    let loss = 0, right = 0;
    for (let b = 0; b < batch; b++) {
      let most = 0, sum = 0;
      for (let k = 1; k < q; k++) if (outputs[b * q + k] > outputs[b * q + most]) most = k;
      for (let k = 0; k < q; k++) sum += Math.exp(outputs[b * q + k] - outputs[b * q + most]);
      for (let k = 0; k < q; k++) {
        const probability = Math.exp(outputs[b * q + k] - outputs[b * q + most]) / sum;
        onOutputs[b * q + k] = (probability - (k === targets[b] ? 1 : 0)) / batch;
      }
      loss += (outputs[b * q + most] + Math.log(sum) - outputs[b * q + targets[b]]) / batch;
      if (most === targets[b]) right++;
    }
    return { loss, right };
  }

  squaredError(targets) {
    const { batch, outputs, onOutputs } = this;
    let loss = 0, right = 0;
    for (let b = 0; b < batch; b++) {
      const error = outputs[b] - targets[b];
      onOutputs[b] = (2 * error) / batch;
      loss += (error * error) / batch;
      if (Math.abs(error) < TOLERANCE) right++;
    }
    return { loss, right };
  }
}

/** Fill x from `from` on with copies of the `size` elements there. */
function repeat(x, from, size) {
  for (let done = size; from + done < x.length; done *= 2) x.copyWithin(from + done, from, from + done);
}

/** Fill a matrix (rows, columns) by the polar factor of one that is uniform on [−1, 1). */
function setOrthonormal(matrix, rows, columns, draw) {
  const uniform = Float64Array.from({ length: rows * columns }, () => 2 * draw() - 1);
  const tall = rows >= columns, long = tall ? rows : columns, short = tall ? columns : rows;
  const source = tall ? uniform : Float64Array.from(uniform, (_, i) => uniform[(i % short) * long + Math.floor(i / short)]);
  const polar = new Float64Array(rows * columns); // (short, long): the transpose of the tall matrix's
  fromSingular(singularVectors(source, long, short), long, short, (sigma) => 1 / sigma, polar);
  for (let i = 0; i < long; i++) {
    for (let j = 0; j < short; j++) matrix[tall ? i * short + j : j * long + i] = polar[j * long + i];
  }
}
