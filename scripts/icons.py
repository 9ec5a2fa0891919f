"""Draws the icons of the installed page anew: a lit window in the night, as ``static/icon.svg`` has it."""

from pathlib import Path

from PIL import Image, ImageDraw

STATIC = Path(__file__).parent.parent / "gateway" / "pleintemps_gateway" / "web" / "static"
NIGHT, LAMP = "#131a27", "#f6ce5e"
SIZES = (("icon-192.png", 192, False), ("icon-512.png", 512, False), ("icon-mask-512.png", 512, True))


def draw(size: int, masked: bool) -> Image.Image:
    """``masked``: a system cuts its own shape, so the window stays within its safe circle."""
    scale = 4 * size / 24
    image = Image.new("RGBA", (4 * size, 4 * size), NIGHT if masked else "#00000000")
    pen = ImageDraw.Draw(image)
    if not masked:
        pen.rounded_rectangle((0, 0, 4 * size - 1, 4 * size - 1), 4 * scale, NIGHT)
    shrink = 0.72 if masked else 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        return (12 + (x - 12) * shrink) * scale, (12 + (y - 12) * shrink) * scale

    pen.rounded_rectangle((*at(5, 3.5), *at(19, 20.5)), 1.5 * scale * shrink, LAMP)
    width = round(1.8 * scale * shrink)
    pen.line((*at(12, 3.5), *at(12, 20.5)), NIGHT, width)
    pen.line((*at(5, 11.5), *at(19, 11.5)), NIGHT, width)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def main() -> int:
    for name, size, masked in SIZES:
        draw(size, masked).quantize(64).save(STATIC / name, optimize=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
