"""How helper processes died: whether another may be started, and when."""

from __future__ import annotations

FALSE_STARTS_MAX = 3  # In a row, of processes that die before they are up: then there is no more.
STEADY = 5.0  # Seconds: one that dies younger is replaced after a pause.
PAUSE_FIRST = 0.05  # Seconds; doubled for each early death in a row, from the second on.
PAUSE_LONGEST = 30.0  # Seconds to which that pause grows.


class Deaths:
    """
    The deaths of one guardian's helper processes, as far as they came too soon.

    Attributes:
        hopeless: True once no helper process gets far enough to be of use.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.hopeless: bool = False
        self._early = 0
        self._false_starts = 0

    def note(self, *, age: float, ready: bool) -> float:
        """
        Note one more.

        Args:
            age: Seconds that it lived.

            ready: Whether it had come up.

        Returns:
            Seconds to wait before the next is started.
        """
        self._early = self._early + 1 if age < STEADY else 0
        self._false_starts = 0 if ready else self._false_starts + 1
        self.hopeless = self._false_starts >= FALSE_STARTS_MAX
        return min(PAUSE_FIRST * 2.0**self._early, PAUSE_LONGEST) if self._early > 1 else 0.0
