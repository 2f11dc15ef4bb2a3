"""The tables of the chapter *What was reproduced*: what the paper reports, and what was measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tpcore.chapters.equal_effort.tables import FAMILIES, best_pair
from tpcore.chapters.equal_effort_records import KINDS, rule_and_kind, style_of, tuned
from tpcore.chapters.recorded import METHODS
from tpcore.chapters.regularization.answer import counts
from tpcore.chapters.sentences import held, share_of, tally
from tpcore.chapters.speed import BENCH_RECORDS, bench_record, gpu_record
from tpcore.chapters.tables import folded
from tpcore.experiments import Experiment, Lead, experiment_named, holm, level_of, outcome, recorded, solved_at
from tpcore.experiments.claims import CLAIMS, Claim, controls, told, verdicts, versus
from tpcore.experiments.costs import cost_record
from tpcore.experiments.fair import FAIR
from tpcore.experiments.paper import PAPER
from tpcore.experiments.regimes import REGIMES
from tpcore.experiments.registry import EXPERIMENTS
from tpcore.experiments.verdicts import AHEAD, NEITHER, certainty, contest, sentence
from tpcore.results import Record

LABELS = {name: label for name, (label, *_) in METHODS.items()}
BASELINES = {"bp-paper": "the paper's baseline", "bp": "BP with the same two steps"}
FORMS = ("tp-local", "tp-time", "calibrated-local", "calibrated-time")

VERDICTS_HEAD = (
    "Experiment", "Form", "accuracy at the end", "against the paper's baseline", "against BP, same two steps",
    "equal effort, plain SGD", "equal effort, best optimizer",
)  # fmt: skip


def verdict_rows() -> list[list[str]]:
    """A row for each claim and form that was run, under VERDICTS_HEAD; the p are corrected over the whole table."""
    rows: list[list[str | Contest]] = []
    for claim in CLAIMS:
        found, fresh = recorded(claim.experiment), _tuned(claim)
        forms = [form for form in LABELS if not form.startswith("bp") and {form} & {*found, *fresh}]
        for form in forms:
            rivals = (_contest(found, form, "bp-paper"), _contest(found, form, "bp"), _contest(fresh, form, "bp"))
            end = f"{outcome(found[form], None).final[1]:.2f}" if form in found else "–"
            rows.append(
                [claim.title if form == forms[0] else "", LABELS[form], end, *rivals, _best_contest(claim, form)]
            )
        if not forms:
            rows.append([claim.title, "not run", "–", "–", "–", "–", "–"])
    contests = [entry for row in rows for entry in row if isinstance(entry, Contest)]
    said = iter(
        f"{each.said}; p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{certainty(each.lead, corrected)}{each.optimizers}"
        if each.said != NEITHER
        else NEITHER
        for each, corrected in zip(contests, holm([each.lead.p for each in contests]), strict=True)
    )
    return [[next(said) if isinstance(entry, Contest) else entry for entry in row] for row in rows]


GLANCE_HEAD = (
    "Experiment", "TP, through time", "the paper's baseline", "BP, same two steps", "against the baseline",
    "against the same two steps", "tuned alike, best optimizer",
)  # fmt: skip


def glance_rows() -> list[list[str]]:
    """A row for each claim under GLANCE_HEAD: accuracies at the end, and a word for how the rule compares."""
    rows = []
    for claim in CLAIMS:
        found = recorded(claim.experiment)
        ends = [f"{outcome(found[name], None).final[1]:.2f}" if name in found else "–" for name in ENDS]
        pairs = [_contest(found, "tp-time", rival) for rival in BASELINES]
        words = [_word(each) for each in (*pairs, _best_contest(claim, "tp-time"))]
        rows.append([claim.title, *(ends if found else ["not run", "–", "–"]), *words])
    return rows


ENDS = ("tp-time", "bp-paper", "bp")


def _word(entry: str | Contest) -> str:
    return entry.word if isinstance(entry, Contest) else entry


def words_of(form: str, rival: str) -> list[str]:
    """How a form compares with a baseline, in a word for each claim that has both."""
    entries = [_contest(recorded(claim.experiment), form, rival) for claim in CLAIMS]
    return [entry.word for entry in entries if isinstance(entry, Contest)]


def answer() -> str:
    """The chapter's answer, a line for each of the paper's three claims."""
    if not words_of("tp-time", "bp-paper"):
        return "The paper's settings were not run here: `tpcore run temporal-order-60` and its like record them."
    first, fair, local = (
        tally(words_of(form, rival)) for form, rival in (("tp-time", "bp-paper"), ("tp-time", "bp"), ("tp-local", "bp"))
    )
    words = words_of("tp-time", "bp-paper")
    better = held("Over the paper's baseline, yes", words.count(AHEAD) > len(words) / 2)
    learned, _, of = counts("map-order-60", small=True)
    large, _, of_large = counts("map-order-60", small=False)
    crucial = held("Confirmed on temporal order", learned == 0 < large)
    lines = [
        f"*It improves training.* {better}: through time it is {first}. Against back-propagation with the "
        f"same two step sizes it is {fair}, and the local rule {local}.",
        f"*It can be cheaper.* {step_costs()}",
        f"*Regularization is crucial.* {crucial}: {share_of(learned, of)} runs with r below 1 learn, and {large} of "
        f"{of_large} from r = 1 on.",
    ]
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))


def step_costs() -> str:
    """The range of a step's time over back-propagation's, where the walk back does not end early."""
    ratios = [float(row[2]) for row in times()] + [float(row[3]) for row in times()]
    if not ratios:
        return "A step was not timed here: `make bench` does it."
    cheaper = sum(ratio < 1 for ratio in ratios)
    return (
        f"By count no step is cheaper than one of back-propagation. Measured in the same loops, through time and "
        f"calibrated, it takes {min(ratios):.2f} to {max(ratios):.2f} times as long, and less in "
        f"{share_of(cheaper, len(ratios))} cases."
    )


MAP_HEAD = ("Rule", "r", "cells that learn", "cells with a divergence")


def map_rows() -> list[list[str]]:
    """A row for each rule and r of the map of temporal order: the cells in which every seed learns, or one diverges."""
    cells: dict[tuple[str, float], list[tuple[bool, bool]]] = {}
    for records in recorded("map-order-60").values():
        rule, r = records[0].method.split("-r")[0], records[0].configuration["rule"]["r"]
        learned = all(solved_at(record, 0.5) is not None for record in records)
        diverged = any(record.status == "diverged" for record in records)
        cells.setdefault((rule, r), []).append((learned, diverged))
    return [
        [LABELS[rule], f"{r:g}", *(f"{sum(column)} of {len(row)}" for column in zip(*row, strict=True))]
        for (rule, r), row in cells.items()
    ]


STEPS_HEAD = ("Experiment", "TP, output layer", "TP, recurrent part", "BP baseline, all", "its optimizer")


def step_rows() -> list[list[str]]:
    """A row for each experiment of the paper: its step sizes for target propagation and for its baseline."""
    rows = []
    for claim in CLAIMS:
        methods = PAPER[claim.experiment].methods
        tp, baseline = methods["tp-time"].optimizer, methods["bp-paper"].optimizer
        step = f"{tp.gamma_theta * tp.gamma_h:.0e}"
        rows.append([claim.title, f"{tp.gamma_theta:g}", step, f"{baseline.gamma_theta:g}", baseline.kind])
    return rows


def claim_text(claim: Claim) -> str:
    """What the paper reports and its code computes, what was measured, the verdict, and how to repeat it; Markdown."""
    found, fresh = recorded(claim.experiment), _tuned(claim)
    commands = [f"`tpcore run {claim.experiment}`"]
    commands += [f"`tpcore sweep {claim.equal_effort}`"] if claim.equal_effort else []
    lines = [f"*The paper:* {claim.paper}.", f"*Its code computes:* {claim.code}."]
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
    """A row for each claim and each other way to invert, against the linearized form through time."""
    rows = []
    for claim in CLAIMS:
        found = recorded(claim.experiment)
        for name in ("tp-difference", "tp-learned"):
            if name in found and "tp-time" in found:
                said = versus(found[name], found["tp-time"])
                rows.append([claim.title, LABELS[name], said])
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


NOT_RUN_HEAD = ("Experiment", "methods not run", "command", "hours")


def not_run_rows() -> list[list[str]]:
    """A row for each experiment with methods, or at a number of steps, that were not run, and its hours."""
    rows = []
    for name, experiment in EXPERIMENTS.items():
        tuned_alike = name in FAIR or name in REGIMES
        found = recorded(name, "tuned" if tuned_alike else "run")
        missing = [method for method in experiment.methods if method not in found]
        if missing:
            which = "all" if not found else ", ".join(missing) if len(missing) < 8 else f"{len(missing)} methods"
            runs = len(experiment.seeds) + (experiment.search.trials if tuned_alike else 0)
            command = f"`tpcore {'sweep' if tuned_alike else 'run'} {name}`"
            rows.append([experiment.about, which, command, _hours(experiment, missing, runs * experiment.steps)])
    for claim in CLAIMS:
        if claim.paper_steps:
            experiment, command = EXPERIMENTS[claim.experiment], f"tpcore run {claim.experiment}"
            hours = _hours(experiment, list(experiment.methods), len(experiment.seeds) * claim.paper_steps)
            title = f"{claim.title}, the paper's {claim.paper_steps:,} steps"
            rows.append([title, "all", f"`{command} --steps {claim.paper_steps}`", hours])
    return rows


def _hours(experiment: Experiment, methods: Sequence[str], steps: int) -> str:
    """So many steps of each method, by its recorded cost; a dash where that is not known."""
    timed = cost_record().get("steps", {})
    keys = [experiment.setup(experiment.methods[method]).key() for method in methods]
    if not all(key in timed for key in keys):
        return "–"
    seconds = sum(timed[key]["seconds"]["median"] for key in keys) * steps
    return f"{seconds / 3600:.1f}"


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
                f"{names[name]}, against {names[rival]}, each the best of its kind over the optimizers run for both: "
                f"{versus(found[name], found[rival])}"
            )
    return sentences


@dataclass(frozen=True)
class Contest:
    """One entry of the table at a glance: a lead in words, and under which optimizers it was found."""

    lead: Lead
    word: str
    said: str
    optimizers: str = ""


def _contest(found: Mapping[str, Sequence[Record]], form: str, rival: str) -> str | Contest:
    if form not in found or rival not in controls(form, found, BASELINES):
        return "–"
    lead, word = contest(found[form], found[rival])
    return Contest(lead, word, sentence(lead, word))


def _best_contest(claim: Claim, form: str) -> str | Contest:
    pair = best_pair(claim.equal_effort, (form,), FAMILIES["BP"]) if claim.equal_effort else None
    if pair is None:
        return "–"
    lead, word = contest(*(_tuned(claim)[method] for method in pair))
    optimizers = " against ".join(dict.fromkeys(KINDS[rule_and_kind(method)[1]] for method in pair))
    return Contest(lead, word, sentence(lead, word), f" ({optimizers})")


def _listed(title: str, found: Mapping[str, Sequence[Record]], names: Mapping[str, str], experiment: str) -> str:
    if not found:
        return f"{title}: not run."
    what = "\n".join(f"- {told(name, found, names, level_of(experiment))}" for name in found)
    return str(folded(f"{title}: {len(found)} methods", what).data)
