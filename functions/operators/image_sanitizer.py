"""Photos made harmless: what comes is decoded and painted anew, so that nothing of the file itself is kept.

The type is what the bytes are, never what a name or header says. Size in pixels is read from the header of the picture and
bounded before anything is unpacked. The result is a JPEG of plain pixels: no EXIF (and so no place), no comment, no colour
profile (profiles are programs of a kind, and decoders of them have had holes), nothing behind the picture.
"""

import io
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import Invalid

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP")
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")
MAX_PIXELS = 24_000_000
MAX_SIDE, THUMBNAIL_SIDE, MIN_SIDE = 1920, 480, 64
QUALITY = 85
_decoding = threading.BoundedSemaphore(2)
"""A picture of the most pixels takes about 150 MB while it is painted: two at a time in a process."""


@dataclass(frozen=True)
class Picture:
    """A clean photo and its thumbnail, JPEG; `width` and `height` are the photo's."""

    full: bytes
    thumbnail: bytes
    width: int
    height: int


def clean(data: bytes) -> Picture:
    """Decodes and paints anew. Raises Invalid naming `photo` for what is no such picture, broken, or of too many pixels."""
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise Invalid.one("photo", "the body is empty; send the bytes of a JPEG, PNG or WebP picture")
    with _decoding:
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                _check_size(*opened.size)
                painted = _paint(opened)
        except UnidentifiedImageError:
            raise Invalid.one("photo", "is not a JPEG, PNG or WebP picture, whatever its name or type says") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise Invalid.one("photo", f"has more than {MAX_PIXELS // 1_000_000} million pixels") from None
        except (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, TypeError) as error:
            # What Pillow's decoders raise on broken files, by its own documentation and fuzzing reports.
            raise Invalid.one("photo", f"cannot be decoded: {str(error)[:80] or type(error).__name__}") from error
        full = _shrunk(painted, MAX_SIDE)
        return Picture(_jpeg(full), _jpeg(_shrunk(painted, THUMBNAIL_SIDE)), *full.size)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Invalid.one("photo", f"is {width} x {height}; at most {MAX_PIXELS // 1_000_000} million pixels are taken")
    if min(width, height) < MIN_SIDE:
        raise Invalid.one("photo", f"is {width} x {height}; each side must have at least {MIN_SIDE} pixels")


def _paint(opened: "Image.Image") -> "Image.Image":
    """The first frame, turned as its EXIF says, on white, in a new picture that knows nothing else."""
    from PIL import Image, ImageOps

    if opened.format == "JPEG":
        opened.draft("RGB", (MAX_SIDE, MAX_SIDE))  # libjpeg leaves out what would be scaled away
    turned = ImageOps.exif_transpose(opened)
    layer = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    painted = Image.new("RGB", layer.size, "white")
    painted.paste(layer, mask=layer.getchannel("A") if layer.mode == "RGBA" else None)
    return painted


def _shrunk(picture: "Image.Image", side: int) -> "Image.Image":
    from PIL import Image

    smaller = picture.copy()
    smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
    return smaller


def _jpeg(picture: "Image.Image") -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return out.getvalue()
