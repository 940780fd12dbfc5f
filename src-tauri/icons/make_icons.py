#!/usr/bin/env python3
"""Draws the application's icons: a page on a reading desk, one line marked. Needs Pillow."""
from pathlib import Path
from PIL import Image, ImageDraw

OUT = Path(__file__).parent
INK, PAPER, LINE, MARK = (36, 52, 71, 255), (250, 248, 243, 255), (178, 184, 192, 255), (232, 163, 61, 255)


def draw(size: int) -> Image.Image:
    k = 4  # drawn larger and scaled down for smooth edges
    s = size * k
    image = Image.new("RGBA", (s, s), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    u = s / 32
    pen.rounded_rectangle((1 * u, 1 * u, 31 * u, 31 * u), radius=7 * u, fill=INK)
    pen.rounded_rectangle((8 * u, 5.5 * u, 24 * u, 22.5 * u), radius=1.2 * u, fill=PAPER)
    for row, (y, right) in enumerate([(9, 21), (12.4, 21), (15.8, 21), (19.2, 17)]):
        colour = MARK if row == 2 else LINE
        pen.rounded_rectangle((11 * u, y * u, right * u, (y + 1.6) * u), radius=0.8 * u, fill=colour)
    pen.polygon([(5 * u, 24 * u), (27 * u, 24 * u), (25 * u, 26.6 * u), (7 * u, 26.6 * u)], fill=MARK)
    return image.resize((size, size), Image.LANCZOS)


for name, size in [("32x32.png", 32), ("128x128.png", 128), ("128x128@2x.png", 256), ("icon.png", 512)]:
    draw(size).save(OUT / name, optimize=True)
