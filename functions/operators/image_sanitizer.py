"""Photos made harmless: what comes is decoded and painted anew, so that nothing of the file itself is kept.

The type is what the bytes are, never what a name or header says. Size in pixels is read from the header of the picture and
bounded before anything is unpacked. The result is a JPEG of plain pixels: no EXIF (and so no place), no comment, no colour
profile (profiles are programs of a kind, and decoders of them have had holes), nothing behind the picture.

Memory is what an attacker would spend here: a picture costs what is unpacked of it, and it is scaled down before anything is
done with it. A JPEG is unpacked at an eighth of its size where that is enough, so that a phone's 50 million pixels are taken;
PNG and WebP, and progressive JPEG, are unpacked whole. One picture at a time in a process.
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
_JPEGS = ("JPEG", "MPO")
"""MPO is a JPEG with more pictures behind it (a phone's depth map): Pillow names it so once it was asked for JPEG."""
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")
MAX_PIXELS = {"JPEG": 64_000_000, "progressive JPEG": 25_000_000, "PNG": 16_000_000, "WEBP": 12_000_000}
"""What is taken, by how the picture is packed."""
MAX_SIDE, THUMBNAIL_SIDE, MIN_SIDE = 1920, 480, 64
QUALITY = 85
_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What makes a picture upright, by its EXIF orientation (EXIF 2.32, 4.6.5)."""
_decoding = threading.Lock()
"""One at a time in a process, whatever calls: the route's bulkhead keeps others from waiting on shared threads."""


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
                _check_size(opened)
                full = _paint(opened)
        except UnidentifiedImageError:
            raise Invalid.one("photo", "is not a JPEG, PNG or WebP picture, whatever its name or type says") from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise Invalid.one("photo", f"has more than {max(MAX_PIXELS.values()) // 1_000_000} million pixels") from None
        except (OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, TypeError) as error:
            # What Pillow's decoders raise on broken files, by its own documentation and fuzzing reports.
            raise Invalid.one("photo", f"cannot be decoded: {str(error)[:80] or type(error).__name__}") from error
        small = full.copy()
        small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
        return Picture(_jpeg(full), _jpeg(small), *full.size)


def _check_size(opened: "Image.Image") -> None:
    width, height = opened.size
    packing = opened.format or ""
    if packing in _JPEGS:
        packing = "progressive JPEG" if opened.info.get("progressive") else "JPEG"
    limit = MAX_PIXELS[packing]
    if width * height > limit:
        taken = f"a {packing} may have {limit // 1_000_000} million pixels"
        hint = "" if packing == "JPEG" else f", a plain JPEG {MAX_PIXELS['JPEG'] // 1_000_000} million"
        raise Invalid.one("photo", f"is {width} x {height}: {taken}{hint}")
    if min(width, height) < MIN_SIDE:
        raise Invalid.one("photo", f"is {width} x {height}; each side must have at least {MIN_SIDE} pixels")


def _paint(opened: "Image.Image") -> "Image.Image":
    """The first frame, at most MAX_SIDE a side, turned as its EXIF says, on white, in a new picture that knows nothing
    else."""
    from PIL import Image

    if opened.format in _JPEGS:
        opened.draft("RGB", (MAX_SIDE, MAX_SIDE))  # libjpeg leaves out what would be scaled away
    turn = _TURNS.get(opened.getexif().get(_ORIENTATION, 1))
    layer = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    opened.close()  # the unpacked file goes before more is made of it
    layer.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    painted = Image.new("RGB", layer.size, "white")
    painted.paste(layer, mask=layer.getchannel("A") if layer.mode == "RGBA" else None)
    return painted if turn is None else painted.transpose(Image.Transpose[turn])


def _jpeg(picture: "Image.Image") -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return out.getvalue()
