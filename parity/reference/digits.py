"""Draws samples/, digits that look photographed, scanned or drawn on a screen, and parity/golden/digits-cmyk.jpg.

The first character of a file's name is its digit. Every image is drawn from a seed; none is a photograph or uses MNIST.

Run by hand, with numpy and pillow installed: python parity/reference/digits.py
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

root = Path(__file__).parents[2]
samples = root / "samples"
random = np.random.default_rng(5)


def curve(points, steps=120):
    """A Catmull-Rom spline through `points`: [steps * (len - 1) + 1, 2]."""
    p = np.array([points[0], *points, points[-1]], float)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = [
        q
        + t * (r - p0) / 2
        + t**2 * (p0 - 2.5 * q + 2 * r - s / 2)
        + t**3 * (1.5 * (q - r) + (s - p0) / 2)
        for p0, q, r, s in zip(p, p[1:], p[2:], p[3:])
    ]
    return np.concatenate([*parts, p[-1:]])


def ink(width, height, strokes, pen, rough=0.0):
    """The ink of a round pen, 0 to 1 [height, width]. Strokes and pen width are in pixels."""
    k = 3
    sheet = Image.new("L", (k * width, k * height))
    draw = ImageDraw.Draw(sheet)
    for stroke in strokes:
        dense = curve(stroke)
        pressure = 1 + 0.12 * np.sin(np.linspace(0, 7, len(dense)) + random.uniform(0, 6))
        for (x, y), force in zip(dense * k, pressure):
            r = k * pen * force / 2
            draw.ellipse([x - r, y - r, x + r, y + r], fill=255)
    cover = np.asarray(sheet.resize((width, height), Image.Resampling.BOX), float) / 255
    if rough:  # chalk and pencil do not reach the hollows of the paper
        cover = cover * np.clip(1 - rough * grain(width, height, 1.2), 0, 1)
    return cover


def grain(width, height, radius):
    """Noise with grains of about `radius` pixels, mean 0, standard deviation 1."""
    noise = Image.fromarray((random.normal(size=(height, width)) * 40 + 128).clip(0, 255).astype("uint8"))
    values = np.asarray(noise.filter(ImageFilter.GaussianBlur(radius)), float)
    return (values - values.mean()) / values.std()


def light(width, height, angle, fall, corners=0.0):
    """Uneven light; 1 is the brightest."""
    y, x = np.mgrid[0:height, 0:width]
    x, y = x / width - 0.5, y / height - 0.5
    slope = 0.5 + x * np.cos(angle) + y * np.sin(angle)
    return 1 - fall * slope - corners * 2 * (x**2 + y**2)


def shadow(width, height, x, y, radius, soft, strength):
    """A round shadow, like that of a head or of the hand that holds the phone."""
    sheet = Image.new("L", (width, height), 255)
    ImageDraw.Draw(sheet).ellipse([x - radius, y - radius, x + radius, y + radius], fill=0)
    blurred = np.asarray(sheet.filter(ImageFilter.GaussianBlur(soft)), float) / 255
    return 1 - strength * (1 - blurred)


def picture(paper, colour, cover, lighting, noise):
    """An RGB image: ink of one colour on paper (a colour or an array), lit and noisy."""
    paper = np.broadcast_to(np.asarray(paper, float), (*cover.shape, 3))
    mixed = paper + (np.asarray(colour, float) - paper) * cover[..., None]
    grained = mixed * lighting[..., None] + random.normal(0, noise, (*cover.shape, 1))
    return Image.fromarray(grained.clip(0, 255).round().astype("uint8"))


def photo():
    """Ball pen on white paper under a lamp, with the shadow of a hand."""
    w, h = 480, 640
    strokes = [
        [(150, 190), (215, 140), (300, 165), (305, 250), (225, 300)],
        [(225, 300), (320, 325), (335, 430), (250, 490), (140, 455)],
    ]
    lamp = light(w, h, 0.8, 0.45, 0.2) * shadow(w, h, 520, 560, 330, 45, 0.45)
    image = picture((238, 232, 220), (40, 45, 90), ink(w, h, strokes, 13), lamp, 5)
    image.filter(ImageFilter.GaussianBlur(0.8)).save(samples / "3-photo.jpg", quality=78)


def sideways():
    """A phone held upright stores the picture lying on its side, with the rotation in the EXIF data."""
    w, h = 480, 640
    strokes = [
        [(140, 180), (245, 174), (348, 168), (346, 175), (290, 320), (235, 480)],
        [(190, 330), (345, 318)],
    ]
    image = picture((205, 190, 160), (25, 25, 30), ink(w, h, strokes, 20), light(w, h, 2.5, 0.35, 0.3), 6)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    image.transpose(Image.Transpose.ROTATE_90).save(samples / "7-sideways.jpg", quality=78, exif=exif)


def scan():
    """A scanned form: a 5 with a separate bar, specks of dust, and the edge of the sheet."""
    w, h = 360, 420
    strokes = [
        [(140, 118), (132, 205), (190, 195), (245, 235), (235, 310), (180, 345), (115, 325)],
        [(160, 100), (255, 92)],
    ]
    cover = ink(w, h, strokes, 11)
    for _ in range(60):
        x, y, r = random.uniform(0, w), random.uniform(0, h), random.uniform(0.5, 1.6)
        yy, xx = np.mgrid[0:h, 0:w]
        cover = np.maximum(cover, np.clip(r + 0.5 - np.hypot(xx - x, yy - y), 0, 1) * 0.8)
    image = picture((247, 247, 244), (20, 20, 24), cover, np.ones((h, w)), 1).convert("L")
    grey = np.asarray(image).copy()
    grey[:, :9] = 55
    Image.fromarray(grey).quantize(8).save(samples / "5-scan.png", optimize=True)


def chalk():
    """Chalk on a wiped blackboard."""
    w, h = 560, 420
    strokes = [
        [(190, 130), (230, 80), (310, 75), (340, 135), (290, 220), (190, 325), (188, 332), (260, 328), (370, 330)]
    ]
    board = np.array([42, 58, 50]) + 7 * grain(w, h, 30)[..., None] + 3 * grain(w, h, 4)[..., None]
    image = picture(board, (235, 235, 225), ink(w, h, strokes, 24, 0.28), light(w, h, 4, 0.25, 0.1), 4)
    image.save(samples / "2-chalk.jpg", quality=76)


def felt_pen():
    """A red felt pen in a drawing program: only the stroke, on a transparent background."""
    w, h = 400, 400
    strokes = [
        [(255, 110), (200, 75), (145, 115), (195, 190), (255, 255), (205, 320), (145, 265), (200, 195), (252, 135), (255, 110)]
    ]
    cover = ink(w, h, strokes, 26)
    data = np.zeros((h, w, 4), "uint8")
    data[..., :3] = (200, 30, 45)
    data[..., 3] = (cover * 255).round()
    Image.fromarray(data).save(samples / "8-felt-pen.png", optimize=True)


def tablet():
    """A thin white line on a dark screen, off centre."""
    w, h = 800, 600
    strokes = [[(480, 120), (475, 125), (395, 300), (400, 306), (560, 298)], [(530, 235), (520, 330), (512, 440)]]
    image = picture((24, 26, 32), (250, 250, 250), ink(w, h, strokes, 5), np.ones((h, w)), 0)
    image.quantize(16).save(samples / "4-tablet.png", optimize=True)


def pencil():
    """A pale pencil on squared paper."""
    w, h = 420, 520
    paper = np.ones((h, w, 3)) * (244, 243, 238)
    for at in range(17, max(w, h), 42):
        for lines in (paper[at : at + 2, :], paper[:, at : at + 2]):
            lines[:] = (205, 216, 236)
    strokes = [
        [(275, 175), (225, 125), (155, 160), (160, 245), (230, 255), (277, 185)],
        [(280, 165), (276, 260), (255, 400)],
    ]
    image = picture(paper, (95, 95, 98), ink(w, h, strokes, 11, 0.2), light(w, h, 5.5, 0.25), 3)
    image.save(samples / "9-pencil.jpg", quality=78)


def marker():
    """A thick marker in a small picture with 16 colours."""
    w, h = 150, 180
    strokes = [[(98, 28), (60, 60), (42, 110), (58, 150), (98, 150), (110, 118), (85, 95), (48, 115)]]
    image = picture((255, 248, 150), (20, 60, 40), ink(w, h, strokes, 17), np.ones((h, w)), 0)
    image.quantize(16).save(samples / "6-marker.gif")


def mnist_format():
    """28×28, grey, light on dark: already in MNIST's format."""
    strokes = [[(14, 4.5), (9.5, 8), (8.5, 15), (11, 22), (15, 23.5), (19, 20), (20, 12), (18, 6.5), (14, 4.5)]]
    cover = ink(28, 28, strokes, 2.4)
    Image.fromarray((cover * 255).round().astype("uint8")).save(samples / "0-28x28.png", optimize=True)


def print_shop():
    """A JPEG in CMYK, for printing."""
    w, h = 160, 200
    strokes = [[(60, 60), (90, 35), (90, 36), (88, 100), (86, 165)]]
    image = picture((250, 240, 225), (150, 20, 30), ink(w, h, strokes, 12), np.ones((h, w)), 0)
    image.convert("CMYK").save(root / "parity/golden/digits-cmyk.jpg", quality=85)


samples.mkdir(exist_ok=True)
for make in (photo, sideways, scan, chalk, felt_pen, tablet, pencil, marker, mnist_format, print_shop):
    make()
for file in sorted(samples.iterdir()):
    print(f"{file.name}: {file.stat().st_size} bytes")
