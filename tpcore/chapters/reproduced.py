"""The tables of the chapter *What was reproduced*: what the paper reports, and what was measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tpcore.chapters.equal_effort_records import KINDS, rule_and_kind, style_of, tuned
from tpcore.chapters.one_slider.equal_effort_tables import FAMILIES, best_pair
from tpcore.chapters.recorded import METHODS
from tpcore.chapters.speed import BENCH_RECORDS, bench_record, gpu_record
from tpcore.chapters.tables import folded
from tpcore.experiments import experiment_named, level_of, outcome, recorded
from tpcore.experiments.claims import CLAIMS, Claim, controls, told, verdicts, versus
from tpcore.results import Record

LABELS = {name: label for name, (label, *_) in METHODS.items()}
BASELINES = {"bp-paper": "the paper's baseline", "bp": "BP with the same two steps"}
FORMS = ("tp-local", "tp-time", "calibrated-local", "calibrated-time")

VERDICTS_HEAD = (
    "Experiment", "Form", "accuracy at the end", "against the paper's baseline", "against BP, same two steps",
    "equal effort, plain SGD", "equal effort, best optimizer",
)  # fmt: skip


def verdict_rows() -> list[list[str]]:
    """A row for each claim and form that was run, under VERDICTS_HEAD."""
    rows = []
    for claim in CLAIMS:
        found, fresh = recorded(claim.experiment), _tuned(claim)
        forms = [form for form in LABELS if not form.startswith("bp") and {form} & {*found, *fresh}]
        for form in forms:
            rivals = (_said(found, form, "bp-paper"), _said(found, form, "bp"), _said(fresh, form, "bp"))
            end = f"{outcome(found[form], None).final[1]:.2f}" if form in found else "–"
            rows.append([claim.title if form == forms[0] else "", LABELS[form], end, *rivals, _best_said(claim, form)])
        if not forms:
            rows.append([claim.title, "not run", "–", "–", "–", "–", "–"])
    return rows


def claim_text(claim: Claim) -> str:
    """What the paper reports and its code computes, what was measured, the verdict, and how to repeat it; Markdown."""
    found, fresh = recorded(claim.experiment), _tuned(claim)
    commands = [f"`tpcore run {claim.experiment}`"]
    commands += [f"`tpcore sweep {claim.equal_effort}`"] if claim.equal_effort else []
    lines = [f"**{claim.title}**", f"*The paper:* {claim.paper}.", f"*Its code computes:* {claim.code}."]
    fewer = f" (the paper takes {claim.paper_steps:,})" if claim.paper_steps else ""
    steps = f"{experiment_named(claim.experiment).steps:,}"
    lines.append(_listed(f"Measured under its settings, {steps} steps{fewer}", found, LABELS, claim.experiment))
    if claim.equal_effort:
        names = {name: style_of(name)[0] for name in fresh}
        steps = f"{experiment_named(claim.equal_effort).steps:,}"
        lines.append(_listed(f"Measured with equal effort, {steps} steps", fresh, names, claim.equal_effort))
    verdict = [*verdicts(found, LABELS, BASELINES), *_under_equal_effort(claim)]
    lines.append("*Verdict:*" + ("" if verdict else " none, for it was not run."))
    lines += ["\n".join(f"- {sentence}" for sentence in verdict)] if verdict else []
    return "\n\n".join([*lines, "*To repeat:* " + ", ".join(commands)])


def other_inverses() -> list[list[str]]:
    """A row for each claim and each other way to invert: what it is beside the linearized form through time."""
    rows = []
    for claim in CLAIMS:
        found = recorded(claim.experiment)
        for name in ("tp-difference", "tp-learned"):
            if name in found and "tp-time" in found:
                said = versus(found[name], found["tp-time"])
                rows.append([claim.title, f"{LABELS[name]} is {said} TP, through time"])
    return rows


TIMES_HEAD = ("B, τ, d", "TP, local, r = 1", "TP, through time", "TP calibrated, local", "TP, local, over torch")


def times() -> list[list[str]]:
    """A row for each recorded shape of the RNN: a step's time over back-propagation's, and over torch's."""
    rows = []
    timed = bench_record()["steps"] if BENCH_RECORDS else []
    for row in [*timed, *gpu_record().get("steps", [])]:
        if row["cell"] == "RNN" and row["threads"] == 1:
            seconds = {name: spread["median"] for name, spread in row["seconds"].items()}
            place = ", on a GPU" if row["device"] == "cuda" else ""
            shape = f"{row['batch']}, {row['length']}, {row['hidden']}".replace(" ", "\N{NO-BREAK SPACE}") + place
            forms = [f"{seconds[form] / seconds['BP']:.2f}" for form in ("TP", "TP through time", "TP calibrated")]
            rows.append([shape, *forms, f"{seconds['TP'] / seconds['torch']:.2f}"])
    return rows


def _tuned(claim: Claim) -> dict[str, list[Record]]:
    return tuned(claim.equal_effort) if claim.equal_effort else {}


def _under_equal_effort(claim: Claim) -> list[str]:
    found = _tuned(claim)
    names = {name: style_of(name)[0] for name in found}
    plain = {name: found[name] for name in ("bp", *FORMS) if name in found}
    sentences = verdicts(plain, names, {"bp": "BP, all with plain SGD"})
    for family in ("paper's", "calibrated") if found else ():
        if pair := best_pair(str(claim.equal_effort), FAMILIES[family], FAMILIES["BP"]):
            name, rival = pair
            sentences.append(
                f"{names[name]} is {versus(found[name], found[rival])} {names[rival]}, each the best of its kind over "
                "the optimizers run for both"
            )
    return sentences


def _in_a_word(first: Sequence[Record], second: Sequence[Record]) -> str:
    return {"not clearly different from": "unclear"}.get(said := versus(first, second), said.split()[0])


def _said(found: Mapping[str, Sequence[Record]], form: str, rival: str) -> str:
    compared = form in found and rival in controls(form, found, BASELINES)
    return _in_a_word(found[form], found[rival]) if compared else "–"


def _best_said(claim: Claim, form: str) -> str:
    pair = best_pair(claim.equal_effort, (form,), FAMILIES["BP"]) if claim.equal_effort else None
    if pair is None:
        return "–"
    fresh = _tuned(claim)
    optimizers = " against ".join(dict.fromkeys(KINDS[rule_and_kind(method)[1]] for method in pair))
    return f"{_in_a_word(*(fresh[method] for method in pair))} ({optimizers})"


def _listed(title: str, found: Mapping[str, Sequence[Record]], names: Mapping[str, str], experiment: str) -> str:
    if not found:
        return f"{title}: not run."
    what = "\n".join(f"- {told(name, found, names, level_of(experiment))}" for name in found)
    return str(folded(f"{title}: {len(found)} methods", what).data)
