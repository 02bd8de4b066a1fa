"""From the configurations of a panel to its scores, derived scores and details."""

from collections.abc import Mapping
from typing import Any

from mu.errors import UsageError


def instantiated(configs: Mapping[str, Any], what: str) -> dict[str, Any]:
    """What named configurations, each with its `_target_`, stand for.

    Args:
        configs: By name.
        what: What they are, for messages.

    Raises:
        UsageError: One cannot be made; the message names it and says why.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    made = {}
    for name, config in configs.items():
        try:
            made[name] = instantiate(config, _convert_="all")
        except InstantiationException as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise UsageError(f"{what} {name}: {reason}") from error
    return made
