"""What every strategy is told about the service it plans for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shift:
    """One routed service from its old fleet to its new one. Times are seconds."""

    service: str
    old: str
    new: str
    old_size: int
    new_size: int

    def shares(self, percent: float) -> dict[str, float]:
        """``percent`` to the new release, the rest to the old one."""
        if not self.old or not self.old_size:
            return {self.new: 100.0}
        return {self.old: 100.0 - percent, self.new: percent}
