"""All the rules over a whole ops file, beyond what each section says by itself."""

from collections.abc import Iterator

from opsbook.config.rules_names import NAME_RULES
from opsbook.config.rules_people import PEOPLE_RULES
from opsbook.config.rules_safety import SAFETY_RULES
from opsbook.config.rules_services import SERVICE_RULES
from opsbook.config.rules_thresholds import THRESHOLD_RULES
from opsbook.config.scene import Broken, Rule, Scene

RULES: tuple[Rule, ...] = (
    *NAME_RULES,
    *SERVICE_RULES,
    *THRESHOLD_RULES,
    *SAFETY_RULES,
    *PEOPLE_RULES,
)


def broken_rules(scene: Scene) -> Iterator[Broken]:
    """Every rule the file breaks."""
    for rule in RULES:
        yield from rule(scene)
