"""Photos: judged by their bytes, bounded before they are unpacked, and painted anew so that nothing else is kept."""

import contextlib
import io
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from PIL import Image, ImageOps, PngImagePlugin

from functions.operators.image_sanitizer import FORMATS, MAX_PIXELS, MAX_SIDE, MEDIA_TYPES, THUMBNAIL_SIDE, clean
from shared.errors import Invalid

SCRIPT = b"<script>alert('polyglot')</script>"


def picture(image_format: str = "JPEG", size: tuple[int, int] = (200, 100), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    made = Image.new(mode, size)
    made.paste(Image.linear_gradient("L").resize(size).convert(mode))
    made.save(out, image_format, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header says how large it is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("image_format", FORMATS)
def test_every_format_becomes_a_jpeg_and_a_thumbnail(image_format: str) -> None:
    made = clean(picture(image_format, (3000, 1500)))
    full, small = opened(made.full), opened(made.thumbnail)
    assert (full.format, full.mode, full.size) == ("JPEG", "RGB", (MAX_SIDE, MAX_SIDE // 2))
    assert (made.width, made.height) == full.size
    assert (small.format, small.size) == ("JPEG", (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 2))


def test_a_jpeg_with_more_pictures_behind_it_is_a_jpeg() -> None:
    """Phones put a depth map or a second exposure behind the picture; Pillow calls that MPO."""
    behind = Image.new("RGB", (100, 100))
    data = picture("MPO", (400, 200), save_all=True, append_images=[behind])
    assert opened(data).format == "MPO"
    full = opened(clean(data).full)
    assert (full.format, full.size, getattr(full, "n_frames", 1)) == ("JPEG", (400, 200), 1)


def test_small_pictures_are_not_blown_up() -> None:
    assert opened(clean(picture(size=(200, 100))).full).size == (200, 100)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16"])
def test_every_mode_is_painted(mode: str) -> None:
    assert opened(clean(picture("PNG", mode=mode)).full).mode == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_exif_is_turned_upright_as_pillow_does(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = picture("JPEG", (200, 100), exif=exif, quality=95)
    upright = ImageOps.exif_transpose(opened(data))
    made = opened(clean(data).full)
    assert made.size == upright.size
    for place in ((5, 5), (made.width - 6, 5), (5, made.height - 6)):
        assert made.getpixel(place) == pytest.approx(upright.getpixel(place), abs=6)


def test_what_shines_through_is_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (100, 100), (0, 0, 0, 0)).save(out, "PNG")
    assert opened(clean(out.getvalue()).full).getpixel((50, 50)) == (255, 255, 255)


def test_a_place_in_the_exif_is_gone_and_its_turn_is_kept() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    exif[0x010F] = "Camera of somebody"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (52.0, 5.0, 0.0)
    data = picture("JPEG", (200, 100), exif=exif, comment=b"my address")
    assert b"Camera of somebody" in data
    made = clean(data)
    assert opened(made.full).size == (100, 200), "upright, as the camera was held"
    for rendition in (made.full, made.thumbnail):
        assert dict(opened(rendition).getexif()) == {}
        assert "comment" not in opened(rendition).info
        assert b"Camera" not in rendition
        assert b"my address" not in rendition


@pytest.mark.parametrize("place", ["behind", "comment", "icc", "text"])
def test_nothing_that_hides_in_the_file_is_kept(place: str) -> None:
    if place == "text":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("x", SCRIPT.decode(), zip=False)
        data = picture("PNG", pnginfo=chunks)
    elif place == "comment":
        data = picture(comment=SCRIPT)
    elif place == "icc":
        data = picture(icc_profile=SCRIPT * 10)
    else:
        data = picture() + SCRIPT + b"PK\x03\x04"
    assert SCRIPT in data
    made = clean(data)
    for rendition in (made.full, made.thumbnail):
        assert SCRIPT not in rendition
        assert b"PK\x03\x04" not in rendition
        assert rendition.endswith(b"\xff\xd9")


@pytest.mark.parametrize("size", [(20_000, 20_000), (65_000, 65_000), (MAX_PIXELS["PNG"] // 64 + 1, 64), (8_000, 2_001)])
def test_a_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(Invalid, match="million pixels"):
        clean(png_of(*size))


def test_a_text_that_unpacks_to_a_thousandfold_is_refused_or_left() -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("x", "a" * 30_000_000, zip=True)
    data = picture("PNG", pnginfo=chunks)
    assert len(data) < 200_000
    with pytest.raises(Invalid, match="decoded"):
        clean(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        SCRIPT,
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%PDF-1.7",
        b"GIF89a" + b"\0" * 50,
        b"BM" + b"\0" * 100,
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        picture()[:300],
        picture("PNG")[:60],
        picture("WEBP")[:40],
        picture("GIF"),
        picture("TIFF"),
        picture("BMP"),
        picture("ICO", (64, 64)),
        b"\xff\xd8" + SCRIPT,
        picture(size=(63, 200)),
    ],
)
def test_what_is_no_such_picture_is_refused_and_the_field_named(data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        clean(data)
    assert [item.field for item in caught.value.fields] == ["photo"]


def test_bytes_that_are_changed_at_random_never_break_it() -> None:
    import random

    dice = random.Random(4)
    for image_format in FORMATS:
        whole = picture(image_format, (80, 80))
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(dice.randrange(1, 8)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            with contextlib.suppress(Invalid):  # taken or refused, and nothing else
                clean(bytes(data))


def test_a_moving_picture_becomes_its_first_frame() -> None:
    frames = [Image.new("RGB", (80, 80), color) for color in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    red, _, blue = opened(clean(out.getvalue()).full).getpixel((40, 40))
    assert red > 200 > blue


def test_the_types_that_may_be_sent_are_those_that_are_taken() -> None:
    from shared.web.bodies import PICTURES

    assert MEDIA_TYPES == PICTURES


FLOOD = """
import asyncio, resource, sys
from functions.operators.image_sanitizer import clean
from functions.operators.photo_routes import DECODING
from shared.errors import Invalid, Unavailable
from tests.unit.operators.test_image_sanitizer import picture

hostile, largest = picture("PNG", (4898, 4899), "P"), picture("PNG", (4000, 4000), "P")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
async def flood():
    sent = [DECODING.run(lambda data=data: clean(data)) for data in (hostile, largest) * 22]
    return await asyncio.gather(*sent, return_exceptions=True)
answers = asyncio.run(flood())
counts = [sum(isinstance(answer, kind) for answer in answers) for kind in (Invalid, Unavailable)]
print(*counts, len(answers), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_flood_of_large_pictures_costs_the_memory_of_one() -> None:
    """45 of them took 5.7 GB once: what was unpacked of each was kept while the others waited."""
    done = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, text=True, check=True, timeout=120)
    refused, turned_away, sent, grown_mb = map(int, done.stdout.split())
    assert (sent, refused > 0, turned_away >= 30) == (44, True, True)
    assert grown_mb < 250


def test_the_photo_of_a_phone_of_fifty_million_pixels_is_taken() -> None:
    made = clean(picture("JPEG", (8192, 6144)))
    assert (made.width, made.height) == (MAX_SIDE, MAX_SIDE * 3 // 4)


def test_the_limit_is_said_with_what_would_be_taken() -> None:
    with pytest.raises(Invalid) as caught:
        clean(picture("PNG", (4001, 4000), "P"))
    assert caught.value.fields[0].message == "is 4001 x 4000: a PNG may have 16 million pixels, a plain JPEG 64 million"
