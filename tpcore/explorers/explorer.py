"""One definition of an explorer: a figure with controls, live with a kernel, from a grid in the hosted page."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from tpcore.explorers.conditions import check_controls, in_force
from tpcore.explorers.controls import Choice, Control
from tpcore.explorers.styles import told_apart


class Explorer:
    """A figure with controls, each position of which is computed by `compute` and never interpolated.

    As the last line of a notebook's cell it shows itself. With a kernel, a moved control computes afresh. In the
    hosted page all positions of the grid are computed beforehand (`tpcore.explorers.hosts`).

    Parameters
    ----------
    title : str
        A short title above the figure.
    description : str
        What the figure shows, in words; the text for those who cannot see it.
    controls : sequence of Slider, LogSlider, Stops and Choice
        None makes a plain figure.
    compute : callable
        Takes the controls' names as keyword arguments and returns a dict of arrays, numbers and strings. For the
        hosted page a function at the top of a module, so that the grid can be computed in parallel and kept on disk.
    draw : callable
        Turns that dict into a `plotly.graph_objects.Figure`. A heat map in it may have as its ``meta`` the names of two
        controls, that of its rows and that of its columns: a tap on a cell then moves both there.

    Raises
    ------
    ValueError
        If the title or the description is empty, the controls are unfit, or they are not the arguments of `compute`.

    Examples
    --------
    >>> import numpy as np
    >>> from tpcore.explorers import Explorer, LogSlider
    >>> from tpcore.explorers.figures import figure
    >>> def compute(r):
    ...     sigma = np.logspace(-2, 2, 50)
    ...     return {"sigma": sigma, "gain": sigma / (sigma**2 + r)}
    >>> def draw(result):
    ...     return figure("singular value σ", "gain", log_x=True).add_scatter(x=result["sigma"], y=result["gain"])
    >>> explorer = Explorer(
    ...     title="Filter",
    ...     description="The filter of a regularized inverse against the singular value.",
    ...     controls=[LogSlider("r", "Regularization r", 1e-3, 1e2, points=26, value=1.0)],
    ...     compute=compute,
    ...     draw=draw,
    ... )
    >>> explorer.defaults
    {'r': 1.0}
    """

    host: ClassVar[Callable[["Explorer"], None]]  # what shows it; `tpcore.explorers.hosts` sets it

    def __init__(
        self,
        *,
        title: str,
        description: str,
        controls: Sequence[Control] = (),
        compute: Callable[..., dict[str, Any]],
        draw: Callable[[dict[str, Any]], Any],
    ) -> None:
        for name, text in (("title", title), ("description", description)):
            if not text.strip():
                raise ValueError(f"Explorer: {name} is empty; it is what a reader without the figure gets")
        self.title = title
        self.description = " ".join(description.split())
        self.controls = tuple(controls)
        self.compute = compute
        self.draw = draw
        check_controls(self.controls)
        _check_arguments(compute, self.controls)

    def __repr__(self) -> str:
        return f"<Explorer {self.title!r}>"

    @property
    def defaults(self) -> dict[str, Any]:
        """The starting value of each control."""
        return {control.name: control.value for control in self.controls}

    def values(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that reach `compute`.

        They are those chosen, and the starting value of every control left out or without effect.

        Parameters
        ----------
        chosen : mapping of str to value
            Values by the name of their control.

        Returns
        -------
        dict
            One value for each control, by its name.

        Raises
        ------
        ValueError
            If a name is no control, or a Choice lacks an option.
        """
        by_name = {control.name: control for control in self.controls}
        for name, value in chosen.items():
            if name not in by_name:
                raise ValueError(f"Explorer {self.title!r} has no control {name!r}; its controls are {list(by_name)}")
            control = by_name[name]
            if isinstance(control, Choice) and value not in control.options:
                raise ValueError(f"Choice {name!r} has no option {value!r}; its options are {list(control.options)}")
        return in_force(self.controls, chosen)

    def evaluate(self, **chosen: Any) -> Any:
        """Compute and draw one position, given as for `values`, and return the plotly figure."""
        return self.drawn(self.compute(**self.values(chosen)))

    def drawn(self, result: dict[str, Any]) -> Any:
        """Return the figure that `draw` makes of a result, with curves that are known by more than their colour."""
        return told_apart(self.draw(result))

    def _ipython_display_(self) -> None:
        type(self).host(self)


def _check_arguments(compute: Callable[..., Any], controls: tuple[Control, ...]) -> None:
    """Raise ValueError unless the controls are exactly the arguments of compute, apart from those with a default."""
    parameters = inspect.signature(compute).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    keyword = [p for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = {p.name for p in keyword}
    unknown = [control.name for control in controls if control.name not in names]
    missing = [p.name for p in keyword if p.default is p.empty and p.name not in {c.name for c in controls}]
    if unknown or missing:
        wrong = [f"no argument for the controls {unknown}"] * bool(unknown) + [
            f"no control for the arguments {missing}"
        ] * bool(missing)
        raise ValueError(f"compute = {getattr(compute, '__name__', compute)}: " + "; ".join(wrong))
