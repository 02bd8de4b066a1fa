"""The state dict in a file of others: read without running code, whatever it is kept beside."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch
from torch import Tensor

from mu.errors import UsageError
from mu.trust.arrays import check_arrays

# Names under which training scripts keep the plain weights of the network.
PLAIN = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "params"),
    "weights",
)
DEEPEST = 4  # containers inside one another that are looked into
Place = tuple[Any, ...]  # the keys that lead into containers
BELOW = re.compile(r"GLOBAL (\S+)")  # how torch names what it refuses to unpickle


class Inert:
    """Stands for what lies beside the weights: whatever it is made of, it holds and does nothing.

    Numbers and arrays of NumPy, and the options of a training script, are read as this.
    """

    def __init__(self, *_given: object) -> None:
        pass

    def __new__(cls, *_given: object) -> "Inert":
        return super().__new__(cls)

    def __setstate__(self, _state: object) -> None:
        pass


def inert_names() -> list[str]:
    """What `Inert` stands for, by the names that pickles have for it; none is ever imported."""
    arrays = [f"numpy.{core}.multiarray" for core in ("core", "_core")]
    dtypes = {type(np.dtype(code)).__name__ for code in "?bBhHiIlLqQefdgFDSU"}
    return [
        *(f"{place}.{made}" for place in arrays for made in ("scalar", "_reconstruct")),
        *(f"numpy.dtypes.{name}" for name in sorted(dtypes)),
        *("numpy.dtype", "numpy.ndarray", "argparse.Namespace"),
    ]


def read_weights(path: Path) -> dict[str, Tensor]:
    """State dict of a safetensors file, or of a torch file read without unpickling code.

    A torch file may be the state dict itself or keep it somewhere inside: the only state dict is
    taken, of several the one under a name for plain weights (``state_dict``, ``model``, …) unless
    another has the same tensors, as the average that is kept beside them does.

    Raises:
        UsageError: There is no such file, it holds no state dict or several, or numbers that are
            not finite, or more of them than the file has room for.
    """
    if not path.is_file():
        raise UsageError(f"there is no weights file {path}")
    state = _content(path)
    size = path.stat().st_size
    for name, tensor in state.items():
        if in_a_line(name) != name:
            raise UsageError(
                f"{path}: {in_a_line(name)} is no name of a tensor; save it under another"
            )
        _check(tensor, f"{path}: {name}", size)
    return state


def in_a_line(text: object, most: int = 200) -> str:
    r"""What a file says, as one line that moves no cursor and is not too long.

    Example:
        >>> in_a_line("conv1.weight"), in_a_line("a" + chr(10) + "b")
        ('conv1.weight', 'a\\nb')
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text)[:most])


def _check(tensor: Tensor, what: str, size: int) -> None:
    """Refuse a tensor that is not plain, or whose numbers are not finite."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise UsageError(f"{what} is no dense tensor of plain numbers; save it as one")
    if tensor.numel() * tensor.element_size() > size:
        raise UsageError(f"{what} has more numbers than the file has room for; save a copy of it")
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return
    wide = tensor.float() if tensor.element_size() == 1 else tensor  # torch asks none of 8 bits
    if not bool(torch.isfinite(wide).all()):
        raise UsageError(f"{what} holds values that are not finite numbers")


def _content(path: Path) -> dict[str, Tensor]:
    try:
        with path.open("rb") as file:
            start = file.read(9)
        if start[8:] == b"{" and start[:2] != b"PK":
            from safetensors.torch import load_file

            return load_file(path)
        if is_zipfile(path):  # torch before 1.6 wrote none
            check_arrays(path)
        stand_ins: list[Any] = [(Inert, name) for name in inert_names()]
        with torch.serialization.safe_globals(stand_ins), path.open("rb") as file:
            found: Any = torch.load(file, map_location="cpu", weights_only=True)
        return state_dict_of(found, str(path))
    except UsageError:
        raise
    except UnpicklingError as error:
        if (unknown := BELOW.search(str(error))) is None:
            raise UsageError(_not_weights(path, error)) from error
        raise UsageError(
            f"{path} is not a weights file: it holds more than tensors ({in_a_line(unknown[1])}); "
            "save model.state_dict()"
        ) from error
    except (Exception, RecursionError) as error:
        raise UsageError(_not_weights(path, error)) from error


def _not_weights(path: Path, error: BaseException) -> str:
    text = " ".join(str(error).split())
    text = text.partition("WeightsUnpickler error: ")[2] or text
    # What torch says further advises to read it with the code that is in it; nobody should.
    reason = in_a_line(re.split(r"\. | Please | Check ", text)[0]) or type(error).__name__
    return f"{path} is not a weights file: {reason}"


def state_dict_of(found: Any, source: str) -> dict[str, Tensor]:
    """The state dict that an object is or holds.

    Args:
        found: What a file holds.
        source: Its name, for the message.

    Raises:
        UsageError: There is none; or there are several, and none is clearly the plain weights.

    Example:
        >>> state_dict_of({"epoch": 3, "net": {"w": torch.ones(1)}}, "here")
        {'w': tensor([1.])}
    """
    places = dict(_state_dicts(found, (), set()))
    if not places:
        raise UsageError(f"{source} holds no state dict; {_holds(found)}")
    if len(places) == 1:
        return next(iter(places.values()))
    plain = [place for place in places if place and place[-1] in PLAIN]
    if len(plain) == 1:
        own = places[plain[0]]
        plain += [p for p, other in places.items() if p != plain[0] and _rivals(other, own)]
        if len(plain) == 1:
            return own
    among = plain or list(places)
    names = ", ".join(".".join(in_a_line(key, 40) for key in place) for place in among[:6])
    keys = "".join(f"[{in_a_line(repr(key), 40)}]" for key in among[0])
    raise UsageError(
        f"{source} holds several state dicts ({names}); save the one that is meant, as in "
        f"torch.save(torch.load({source!r}){keys}, 'one.pt')"
    )


def _rivals(other: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> bool:
    """Whether a state dict could stand for another: it has half of its tensors, and not the same.

    Names are compared by their last two parts, since an average may be wrapped.
    """
    ends, others = ({tuple(name.split(".")[-2:]) for name in d} for d in (own, other))
    if 2 * len(ends & others) < len(ends):
        return False
    return other.keys() != own.keys() or not all(torch.equal(t, own[n]) for n, t in other.items())


def _holds(found: Any) -> str:
    if isinstance(found, Mapping):
        if any(isinstance(value, Tensor) for value in found.values()):
            odd = next((k, v) for k, v in found.items() if not _fits_in(k, v))
            kind = type(odd[1]).__name__
            return (
                f"its entry {in_a_line(odd[0], 40)} is a {kind}; save a mapping of names to tensors"
            )
        keys = ", ".join(in_a_line(key, 40) for key in list(found)[:8]) or "nothing"
        return f"its keys are {keys}; save model.state_dict()"
    return f"it is a {type(found).__name__}; save model.state_dict()"


def _state_dicts(
    found: Any, place: Place, seen: set[int]
) -> Iterator[tuple[Place, dict[str, Tensor]]]:
    """Every state dict in containers, with the keys that lead to it."""
    if len(place) > DEEPEST or id(found) in seen:
        return
    seen.add(id(found))
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(found, Mapping):
        if _is_state_dict(found):
            yield place, {name: t for name, t in found.items() if isinstance(t, Tensor)}
            return
        inside = ((key, value) for key, value in found.items() if isinstance(key, str))
    elif isinstance(found, list | tuple):
        inside = enumerate(found)
    for key, value in inside:
        yield from _state_dicts(value, (*place, key), seen)


def _is_state_dict(found: Mapping[Any, Any]) -> bool:
    """Whether it maps names to tensors; counts and words such as an epoch may stand beside them."""
    fits = all(_fits_in(name, value) for name, value in found.items())
    return fits and any(isinstance(value, Tensor) for value in found.values())


def _fits_in(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor | Inert | int | float | str | None)
