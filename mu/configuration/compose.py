"""One configuration out of choices: read, changed by settings, its interpolations resolved."""

import copy
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mu.configuration.choices import choices, config_folders, read_yaml, unknown
from mu.configuration.cut_models import with_tails
from mu.configuration.recipes import filled
from mu.configuration.settings import Settings, has_interpolation
from mu.errors import UsageError

SPOKEN = {"data": "data set", "evaluation": "evaluation panel"}
OWN = "own"  # the name of a choice that is written out
Config = dict[str, Any]


def composed(names: Mapping[str, str | Config], values: Config | None = None) -> Config:
    """One configuration of groups: the choice of each, by its name or written out.

    Args:
        names: The choice of each group.
        values: Dotted keys that are set where the configuration has them.

    Raises:
        UsageError: A choice there is not, a value of the wrong type, or an interpolation that
            leads nowhere.
    """
    return with_written_trunk(interpolated(Settings({}, values).into(merged(names))))


def with_written_trunk(config: Config) -> Config:
    """The configuration of all groups, a model with a trunk written out."""
    if "model" not in config:
        return config
    found = with_tails(config["model"], lambda name: choice("model", name)["model"])
    return config | {"model": found}


class BlockChoices:
    """The choices of a block with its settings, composed once; methods are composed upon them.

    Args:
        names: The choice of each group, by its name or written out.
        settings: Of the block.

    Raises:
        UsageError: As `composed`.
    """

    def __init__(self, names: Mapping[str, str | Config], settings: Settings) -> None:
        self.names = {group: choice_name(chosen) for group, chosen in names.items()}
        self.settings = settings
        self._merged = merged(names)

    def config(self) -> Config:
        """The configuration of all groups."""
        return with_written_trunk(interpolated(self.settings.into(self._merged)))

    def method(self, name: str, under: Config | None = None, over: Config | None = None) -> Config:
        """The configuration of a method; its interpolations see those of the block.

        Args:
            name: Of the method.
            under: Dotted keys and values that the block's settings win over.
            over: Those that win over the settings.
        """
        whole = _beside(self._merged, choice("method", name))
        return interpolated(self.settings.into(whole, under, over), "method")


def choice_name(chosen: str | Config) -> str:
    """What a choice is called in tables."""
    return OWN if isinstance(chosen, dict) else str(chosen)


def merged(names: Mapping[str, str | Config]) -> Config:
    """The choices beside each other, interpolations as they are written; not to be changed.

    Raises:
        UsageError: A choice there is not.
    """
    found: Config = {}
    for group, name in names.items():
        found = _beside(found, choice(group, name))
    return found


def _beside(one: Config, other: Config) -> Config:
    """Both; where both have a key, the other's value, and of two mappings both."""
    pairs = {key: (one[key], other[key]) for key in one.keys() & other.keys()}
    inner = {k: _beside(*p) for k, p in pairs.items() if all(isinstance(x, dict) for x in p)}
    return one | other | inner


def interpolated(config: Config, group: str | None = None) -> Config:
    """A copy of a configuration, or of one group of it, with all interpolations replaced.

    Raises:
        UsageError: One leads nowhere.
    """
    part = config if group is None else config[group]
    if not has_interpolation(part):
        return copy.deepcopy(part)
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        whole = OmegaConf.create(config if group is None else _named(config, group))
        found = OmegaConf.to_container(whole if group is None else whole[group], resolve=True)
    except OmegaConfBaseException as error:
        raise UsageError(" ".join(str(error).split())) from error
    plain: Config = found  # type: ignore[assignment]
    return plain


def _named(config: Config, group: str) -> Config:
    """A group and those that it names, directly or through others: OmegaConf is slow with all."""
    found = {group: config[group]}
    while more := {k: v for k, v in config.items() if k not in found and k in str(found)}:
        found |= more
    return found


def choice(group: str, name: str | Config) -> Config:
    """One choice of a group, as ``{group: …}``; not to be changed.

    A choice that is written out is its content.

    Raises:
        UsageError: There is none of that name, or its file is not YAML.
    """
    if isinstance(name, dict):
        return {group: filled(OWN, name) if group == "recipe" else name}
    if not isinstance(name, str):
        raise UsageError(f"{group}: {name!r} is neither a name nor a mapping")
    known = choices(group)
    if name not in known:
        raise unknown(SPOKEN.get(group, group), name, known)
    path = known[name]
    found = _choice(group, name, path, path.stat().st_mtime_ns, tuple(config_folders()))
    if group != "recipe":
        return found
    return found | {group: filled(name, found.get(group) or {})}


@lru_cache(maxsize=256)
def _choice(group: str, name: str, path: Path, written: int, folders: tuple[Path, ...]) -> Config:
    """Content of a file; ``written`` is when it was: a file that changes is read again."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    plain = read_yaml(path)
    if "defaults" in plain or "@package" in path.read_text(encoding="utf-8"):
        return _by_hydra(group, name, folders)
    try:
        found: Config = OmegaConf.to_container(OmegaConf.load(path))  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        raise UsageError(f"{path}: {' '.join(str(error).split())}") from error
    # every data set may have groups of the user's own, which its class need not know
    return {group: {"groups": None} | found if group == "data" else found}


def _by_hydra(group: str, name: str, folders: tuple[Path, ...]) -> Config:
    """A choice that names others; of two files of a name the first folder's wins."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    first, *others = map(str, folders)
    quoted = ",".join("'file://{}'".format(p.replace("'", r"\'")) for p in others)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(first, version_base="1.3"):
            config = compose(overrides=[f"hydra.searchpath=[{quoted}]", f"+{group}={name}"])
        found: Config = OmegaConf.to_container(config)  # type: ignore[assignment]
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(f"{group}={name}: {' '.join(str(error).split())}") from error
    return found


def complete(config: Config, what: str, group: str) -> None:
    """Refuse options that a YAML file leaves to the user and the user left out.

    Raises:
        UsageError: Naming the first.
    """
    for key, value in config.items():
        if value == "???":
            raise UsageError(f"{what} has no {key}; set {group}.{key}=…")
