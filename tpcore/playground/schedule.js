// Targets first, gradients after: a power p that follows the loss from 0 to 1, as tpcore.schedules.ByLoss moves it.

const FROM = 0.996, FOUND = 0.9; // of the loss at chance: p leaves 0 below the first, and is 1 at the second
const HOLD = 500; // steps after which p has fallen to 1/e, if the loss is back at chance
const RATE = 0.02; // of the running mean of the loss

class ByLoss {
  constructor(lossAtChance) {
    this.lossAtChance = this.meanLoss = lossAtChance;
    this.position = 0;
  }

  step(loss) {
    this.meanLoss += RATE * (loss - this.meanLoss);
    const found = (FROM - this.meanLoss / this.lossAtChance) / (FROM - FOUND);
    this.position = Math.max(Math.min(Math.max(found, 0), 1), this.position * (1 - 1 / HOLD));
  }
}
