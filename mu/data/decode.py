"""Image files to one tensor of bytes, in memory or in a memory-mapped file."""

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.artifact import digest
from mu.data.facts import data_root
from mu.errors import UsageError

CACHE = ".mu-cache"
GIB = 2**30
QUIET_SECONDS = 3.0
SUFFIXES = {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# What Pillow may take a file for, whatever its name says: an EPS would start Ghostscript.
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
PIXELS = 1 << 26  # of one picture, 0.2 GB as bytes; cameras make fewer
Bytes = NDArray[np.uint8]
Reader = Callable[[Path], Bytes]


def image_files(folder: Path) -> list[Path]:
    """The images in a folder, by name; hidden files and folders do not count.

    Raises:
        UsageError: A file is not an image.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    for path in files:
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(
                f"{path} is not an image; take it away ({', '.join(sorted(SUFFIXES))})"
            )
    return files


def decoded(
    files: Sequence[Path], size: int | None, grey: bool, memory_gb: float, title: str
) -> Tensor:
    """(N, C, H, W) uint8 images of the files, in their order.

    Above ``memory_gb`` they are decoded once into ``.mu-cache`` under the data root and read from
    there, page by page; the file is known by names, sizes and times of the images.

    Args:
        files: At least one image file.
        size: Pixels of a side: the images are scaled to cover the square and cut to its middle.
            None to keep their size, which must then be the same for all.
        grey: One channel instead of three.
        memory_gb: Largest tensor to hold in memory, in GiB.
        title: What is read, for messages.

    Raises:
        UsageError: A file is no image or of another size, or the cache cannot be written.
    """
    read = partial(read_image, size=size, grey=grey)
    shape = (len(files), *read(files[0]).shape)
    if np.prod(shape, dtype=np.float64) <= memory_gb * GIB:
        found = np.empty(shape, np.uint8)
        _fill(found, files, read, title)
        return torch.from_numpy(found)
    stats = [
        (p.as_posix(), p.stat().st_size, p.stat().st_mtime_ns) for p in map(Path.absolute, files)
    ]
    path = data_root() / CACHE / f"{digest([stats, size, grey])}.npy"
    try:
        _cache(path, shape, files, read, title)
    except OSError as error:
        raise UsageError(
            f"cannot write {path} ({error.strerror}): make MU_DATA_ROOT writable, "
            f"or raise memory_gb={memory_gb}"
        ) from error
    # Copy on write: the tensor is never written to, and torch wants it writable.
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def read_image(path: Path, size: int | None, grey: bool) -> Bytes:
    """(C, H, W) bytes of one file; see `decoded`.

    Raises:
        UsageError: The file cannot be read as an image of 8 bits a channel.
    """
    from PIL import Image, ImageOps

    mode = "L" if grey else "RGB"
    try:
        with Image.open(path, formats=FORMATS) as opened:
            if opened.width * opened.height > PIXELS:
                raise UsageError(
                    f"{path} has {opened.width}×{opened.height} pixels in "
                    f"{path.stat().st_size} bytes; {PIXELS} are the most: make it smaller"
                )
            if opened.mode[0] in "IF":
                raise UsageError(f"{path} has more than 8 bits a channel; save it with 8")
            if size is not None:
                opened.draft(mode, (size, size))
            image = ImageOps.exif_transpose(opened).convert(mode)
    except UsageError:
        raise
    except Exception as error:  # each decoder has its own
        raise UsageError(f"{path} cannot be read as an image ({error})") from error
    if size is not None:
        image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    found = np.asarray(image)
    return found[None] if grey else found.transpose(2, 0, 1)


def _cache(
    path: Path, shape: tuple[int, ...], files: Sequence[Path], read: Reader, title: str
) -> None:
    """Decode into ``path`` unless that is done; of several processes one does it."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.is_file():
            return
        part = path.with_suffix(".part")
        found = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        _fill(found, files, read, title)
        found.flush()
        os.replace(part, path)


def _fill(into: Bytes, files: Sequence[Path], read: Reader, title: str) -> None:
    """Decode the files into the rows of an array, on as many threads as there are processors."""
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        # Closed at the first failure: the bar goes, and what is still to be decoded is dropped.
        closing(_watched(pool.map(read, files), len(files), f"decode {title}")) as images,
    ):
        for row, (path, image) in enumerate(zip(files, images, strict=True)):
            if image.shape != into.shape[1:]:
                found, wanted = ("×".join(map(str, s)) for s in (image.shape, into.shape[1:]))
                raise UsageError(
                    f"{path} is {found} (channels×height×width) where {wanted} is expected; "
                    "set image_size"
                )
            into[row] = image


def _watched(images: Iterator[Bytes], total: int, text: str) -> Generator[Bytes, None, None]:
    """Pass images on, with a bar on standard error once it has taken a while."""
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    start, task = time.monotonic(), bar.add_task(text, total=total)
    with ExitStack() as stack:
        for done, image in enumerate(images, start=1):
            yield image
            bar.update(task, completed=done)
            if not bar.live.is_started and time.monotonic() - start > QUIET_SECONDS:
                stack.enter_context(bar)
