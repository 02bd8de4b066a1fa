"""One configuration out of choices: composed by Hydra, changed by settings, complete."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from mu.configuration.choices import choices, config_folders, read_yaml, unknown
from mu.configuration.words import check_type
from mu.errors import UsageError


def composed(names: dict[str, str], settings: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """One configuration of groups, with the settings whose keys it has."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    label = {"data": "data set", "evaluation": "evaluation panel"}
    for group, name in names.items():
        if name not in choices(group):
            raise unknown(label.get(group, group), str(name), choices(group))
    folders = tuple(config_folders())
    written = {g: choices(g)[n].stat().st_mtime_ns for g, n in names.items()}
    config = OmegaConf.merge(*(_choice(g, n, folders, written[g]) for g, n in names.items()))
    for key, value in settings.items():
        if not has(config, key):
            continue
        used.add(key)
        check_type(key, OmegaConf.select(config, key), value)
        OmegaConf.update(config, key, value, merge=False)
    try:
        plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        raise UsageError(" ".join(str(error).split())) from error
    return plain


@lru_cache(maxsize=256)
def _choice(group: str, name: str, folders: tuple[Path, ...], written: int) -> Any:
    """One choice of a group, composed by Hydra; of two files of a name the first folder's wins.

    ``written`` is when its file was: a file that changes is read again.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    for folder in folders:
        if (path := folder / group / f"{name}.yaml").is_file():
            read_yaml(path)  # Hydra lets a parser's own error through
            break
    first, *others = map(str, folders)
    quoted = ",".join("'file://{}'".format(p.replace("'", r"\'")) for p in others)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(first, version_base="1.3"):
            config = compose(overrides=[f"hydra.searchpath=[{quoted}]", f"+{group}={name}"])
    except HydraException as error:
        raise UsageError(f"{group}={name}: {' '.join(str(error).split())}") from error
    OmegaConf.set_struct(config, False)
    return config


def has(config: Any, key: str) -> bool:
    """Whether a dotted key is there, set or still missing (???)."""
    *path, last = key.split(".")
    for part in path:
        if not hasattr(config, "keys") or part not in config:
            return False
        config = config._get_node(part)
    # `in` says no of keys whose value is still missing (???).
    return hasattr(config, "keys") and last in list(config.keys())


def complete(config: dict[str, Any], what: str, group: str) -> None:
    """Refuse options that a YAML file leaves to the user and the user left out.

    Raises:
        UsageError: Naming the first.
    """
    for key, value in config.items():
        if value == "???":
            raise UsageError(f"{what} has no {key}; set {group}.{key}=…")
