/* The questions of a built page: what is said of each answer lies encoded beside it (tpcore/explorers/questions_hosted.py).
   A prediction also moves the figure that follows it. */
"use strict";

(() => {
  class PageQuestion {
    constructor(form) {
      this.form = form;
      this.data = decoded(form.querySelector(".question-data").textContent);
      this.reply = form.querySelector(".question-reply");
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.check(new FormData(form).get(`${form.id}-answer`));
      });
      form.addEventListener("input", () => this.clear());
    }

    check(given) {
      const [right, why] = this.judged(given);
      this.clear();
      this.form.classList.add(right ? "question-right" : "question-wrong");
      const verdict = document.createElement("strong");
      verdict.textContent = right ? "Right." : "Not so.";
      this.reply.innerHTML = ` ${why}`;
      this.reply.prepend(verdict);
      if (this.data.reveal) this.reveal();
    }

    /** The same as Question.reply in tpcore/explorers/questions.py; `given` is an index or a number as it was typed. */
    judged(given) {
      if (this.data.otherwise === undefined) return this.data.answers[Number(given)].slice(1);
      const near = (value) => Math.abs(given - value) <= this.data.tolerance * Math.max(Math.abs(given), Math.abs(value));
      const found = this.data.answers.find(([value]) => near(value));
      return found ? found.slice(1) : [false, this.data.otherwise];
    }

    clear() {
      this.form.classList.remove("question-right", "question-wrong");
      this.reply.textContent = "";
    }

    // Moves the controls of the figure that follows, as a reader would.
    reveal() {
      const follows = (figure) => this.form.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_FOLLOWING;
      const figure = [...document.querySelectorAll("figure.explorer")].find(follows);
      const { controls } = JSON.parse(figure.querySelector(".explorer-data").textContent);
      for (const [name, value] of Object.entries(this.data.reveal)) {
        const index = controls.find((control) => control.name === name).values.indexOf(value);
        const id = CSS.escape(`${figure.id}-${name}`);
        const radio = figure.querySelector(`input[name=${id}][value="${index}"]`);
        if (radio) radio.click();
        else move(figure.querySelector(`#${id}`), index);
      }
    }
  }

  function move(input, index) {
    input.value = index;
    for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true }));
  }

  function decoded(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  const start = () => document.querySelectorAll("form.question").forEach((form) => new PageQuestion(form));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
