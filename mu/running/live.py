"""Digest of functions and classes as they are in this process: of a notebook, or in a closure."""

import dis
import functools
import io
import pickle
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import (
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)
from typing import Any

from mu.errors import UsageError
from mu.running.code import PACKAGE, SCRIPT, code_digest, is_own, module_file

# Of a class: what says where it stands or what is made of the rest.
ASIDE = {"__module__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__qualname__"}
ASIDE |= {"__firstlineno__", "__static_attributes__", "__annotate__", "__dataclass_fields__"}
ASIDE |= {"__abstractmethods__", "_abc_impl", "__dataclass_params__", "__match_args__"}


def live_digest(thing: Any, name: str) -> str:
    """Digest of the code of a function or class, and of all that this code reads by name.

    That is: functions and classes of the user's own, wherever they are defined, values in closures,
    defaults and global variables, bound arguments. What libraries define counts by its name, what
    mu defines by its source. Comments and layout do not count.

    Args:
        thing: A function, a class, or another object that is made of such.
        name: For messages.

    Raises:
        UsageError: Something that it reads has no content that could be compared.
    """
    return _digested(thing, name, {})


def _digested(thing: Any, name: str, seen: dict[int, int]) -> str:
    sink = io.BytesIO()
    pickler = _Parts(sink, name, seen)
    try:
        pickler.dump(thing)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"{name} is a {type(thing).__name__}, whose content cannot be digested "
            f"({' '.join(str(error).split())[:120]}): results that rest on it could not be told "
            "from others in the store; let the function make it, or read numbers, words, arrays, "
            "tensors and functions only"
        ) from error
    return blake2b(sink.getvalue(), digest_size=16).hexdigest()


class _Parts(pickle.Pickler):
    """Writes what an object is made of; code and tensors by their content, libraries by name."""

    def __init__(self, sink: io.BytesIO, name: str, seen: dict[int, int]) -> None:
        super().__init__(sink, protocol=4)
        self.fast = True  # equal objects are written alike, whether they are one or two
        self.name, self.seen = name, seen

    def persistent_id(self, thing: Any) -> Any:
        if isinstance(thing, FunctionType | type):
            return self._of_code(thing)
        if isinstance(thing, ModuleType):
            return ("module", thing.__name__, code_digest(thing.__name__))
        if isinstance(thing, property | staticmethod | classmethod | functools.cached_property):
            inner = [getattr(thing, key, None) for key in ("fget", "fset", "fdel", "__func__")]
            inner += [getattr(thing, "func", None)]
            return (type(thing).__name__, *(self._inner(one) for one in inner))
        if isinstance(thing, set | frozenset):
            return ("set", *sorted(self._inner(one) for one in thing))
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(thing, torch.Tensor):
            array = thing.detach().cpu()
            array = array.coalesce().to_dense() if array.layout != torch.strided else array
            values = array.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            shape = (str(thing.dtype), tuple(thing.shape), str(thing.layout))
            return ("tensor", *shape, blake2b(values, digest_size=16).hexdigest())
        if callable(getattr(thing, "fingerprint", None)):
            return ("data", thing.fingerprint())
        return None

    def _inner(self, thing: Any, name: str = "") -> str:
        return _digested(thing, name or self.name, self.seen)

    def _of_code(self, thing: Any) -> tuple[Any, ...]:
        """A function or class: its parts where it is the user's own, else its name."""
        module = str(getattr(thing, "__module__", None))
        path = f"{module}.{thing.__qualname__}"
        if module.split(".")[0] == PACKAGE:
            return ("of mu", path, code_digest(path))
        if not is_users(module):
            return ("of a library", path)
        if id(thing) in self.seen:  # a circle: it is written where it was met first
            return ("again", self.seen[id(thing)])
        self.seen[id(thing)] = len(self.seen)
        if isinstance(thing, type):
            slots = MemberDescriptorType | GetSetDescriptorType
            own = {k: v for k, v in vars(thing).items() if not isinstance(v, slots)}
            parts = {k: v for k, v in own.items() if k not in ASIDE}
            bases = [self._inner(base) for base in thing.__bases__]
            return ("class", *bases, *((k, self._inner(v, k)) for k, v in sorted(parts.items())))
        return ("function", *self._of_function(thing))

    def _of_function(self, function: FunctionType) -> Iterator[Any]:
        yield _of_bytecode(function.__code__)
        yield self._inner([function.__defaults__, function.__kwdefaults__])
        named = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in named:
            yield (name, self._inner(cell.cell_contents, name))
        for name in sorted(_globals_in(function.__code__)):
            if name in function.__globals__:
                yield (name, self._inner(function.__globals__[name], name))


def _of_bytecode(code: CodeType) -> tuple[Any, ...]:
    """What a code object does, without where it stands and what it is called."""
    parts = tuple(_of_bytecode(c) if isinstance(c, CodeType) else _text(c) for c in code.co_consts)
    shape = (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags)
    return (code.co_code.hex(), parts, code.co_names, code.co_varnames, code.co_freevars, *shape)


def edited_since_import(kind: type) -> bool:
    """Whether the file of a class holds other functions for it than those that were imported."""
    path = module_file(kind.__module__)
    if path is None or kind.__module__ == SCRIPT or not is_users(kind.__module__):
        return False
    text = path.read_text(encoding="utf-8")
    filed = {
        code.co_qualname: _of_bytecode(code)
        for code in _codes_in(compile(text, str(path), "exec", dont_inherit=True))
    }
    functions = [one for one in vars(kind).values() if isinstance(one, FunctionType)]
    own = [one.__code__ for one in functions if Path(one.__code__.co_filename) == path]
    return any(filed.get(code.co_qualname) != _of_bytecode(code) for code in own)


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes_in(inner)


def _text(constant: object) -> str:
    """A constant as text; the order of a set is that of no other process."""
    if isinstance(constant, frozenset):
        return repr(sorted(map(repr, constant)))
    return repr(constant)


def _globals_in(code: CodeType) -> set[str]:
    """Names of the global variables that code reads, in the functions inside it too."""
    found = {
        str(one.argval)
        for one in dis.get_instructions(code)
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    return found.union(*(_globals_in(c) for c in code.co_consts if isinstance(c, CodeType)))


def is_users(module: str) -> bool:
    """Whether a module is of the user: no library's, none of Python's and not mu's."""
    first = module.split(".")[0]
    known = first == PACKAGE or first in sys.stdlib_module_names or first == "builtins"
    return first == SCRIPT or (not known and is_own(module))
