"""A message that goes to the page and comes back after all that the page had kept back before."""

from collections.abc import Callable
from typing import Any

import anywidget
import ipywidgets as widgets

# The page sends a control's last position once it hears that the kernel is idle again. So the first way back may be
# ahead of it; what leaves the kernel after that comes after it.
TIMES = 2


class RoundTrip(anywidget.AnyWidget):
    """Sends a message to the page and back; hidden among the widgets of an explorer."""

    _esm = """export default {
      initialize({ model }) { model.on("msg:custom", (content) => model.send(content)); },
      render() {},
    };"""

    def __init__(self) -> None:
        super().__init__(layout=widgets.Layout(display="none"))
        self.then: Callable[[], None] = lambda: None
        self.number = 0
        self.on_msg(self._back)

    def start(self, then: Callable[[], None]) -> None:
        """Call `then` once the message is back; one that is on its way is forgotten. In a host that does not answer,
        it is never called."""
        self.then = then
        self.number += 1
        self.send({"number": self.number, "left": TIMES - 1})

    def _back(self, _: Any, content: dict[str, int], __: Any) -> None:
        if content["number"] != self.number:
            return
        if content["left"]:
            self.send({**content, "left": content["left"] - 1})
        else:
            self.then()
