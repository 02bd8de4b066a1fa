"""From a configuration to the object it names; data sets once per process."""

import json
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

from mu.data.activations import Activations
from mu.data.base import Data, TensorData
from mu.data.facts import named_files
from mu.data.groups import read_groups
from mu.data.importing import targets_among, why_not_importable
from mu.errors import MuError, UsageError

NOT_ARGUMENTS = {"title", "panel", "files", "groups", "activations"}


def build(config: dict[str, Any], **more: Any) -> Any:
    """Instantiate ``_target_`` with its arguments.

    Raises:
        UsageError: The class does not take an argument, lacks one, or cannot be found.
        MuError: What the constructor itself raised, without Hydra's wrapping.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate
    from omegaconf.errors import MissingMandatoryValue

    if "_target_" not in config:
        raise UsageError(
            f"_target_ is missing: which class takes {', '.join(config) or 'nothing'}?"
        )
    try:
        return instantiate(config, **more)
    except MissingMandatoryValue as error:
        missing = next((k for k, v in (config | more).items() if v == "???"), "an argument")
        raise UsageError(f"{config.get('_target_')} needs {missing}") from error
    except (InstantiationException, SyntaxError) as error:
        for target in map(str, targets_among(config)):
            if why := why_not_importable(target):
                raise UsageError(f"{target} cannot be imported: {why}") from error
        if isinstance(error.__cause__, MuError):
            raise error.__cause__ from None
        if error.__cause__ is None or isinstance(error.__cause__, TypeError | ImportError):
            reason = str(error.__cause__ or error).splitlines()[0]
            raise UsageError(f"{config.get('_target_')}: {reason}") from error
        raise error.__cause__ from None


def build_data(config: dict[str, Any]) -> Data:
    """Instantiate a data configuration; the few last ones stay in memory.

    ``activations`` is the folder of what a frozen trunk makes of the samples; they stand in their
    place then.
    """
    arguments = {k: v for k, v in config.items() if k not in NOT_ARGUMENTS}
    text = json.dumps([arguments, config.get("groups")], sort_keys=True)
    data = _build(text, json.dumps(named_files(config)))
    if config.get("activations") and isinstance(data, TensorData):
        data = copy(data)
        data.activations = _opened(config["activations"])
    return data


@lru_cache(maxsize=4)
def _opened(folder: str) -> Activations:
    return Activations(Path(folder))


@lru_cache(maxsize=4)
def _build(text: str, files: str) -> Data:
    """The data; ``files`` says when the files that options name were written."""
    arguments, groups = json.loads(text)
    data: Data = build(arguments)
    if groups is not None:
        data.groups = read_groups(Path(str(groups)), data)
    return data


def forget_built() -> None:
    """Build data sets anew: those that were handed over may since have changed."""
    _build.cache_clear()
    _opened.cache_clear()
