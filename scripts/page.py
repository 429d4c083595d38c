"""Writes executed notebooks as pages that need nothing beside them and no network, and an index of them.

Usage: page.py FOLDER PLOTLY_JS NOTEBOOK...

The notebooks are names (`01-network`) of .ipynb files in the folder. The pages that are there already are
written anew as well: all have the same navigation.
"""

import base64
import json
import re
import struct
import sys
from html import escape, unescape
from pathlib import Path

import nbformat
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TypeScriptLexer

TITLE = "AlexNet on MNIST in TypeScript"
PLOTLY = "application/vnd.plotly.v1+json"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
TAGS = re.compile(r"<[^>]+>")
HEADING = re.compile(r"<h([1-6])>(.*?)</h\1>", re.S)
CHINESE = re.compile(r"\s*\(([^()]*[\u4e00-\u9fff][^()]*)\)\s*$")  # the article's title, at a heading's end

ASSETS = Path(__file__).with_name("page")


class Notebook:
    """An executed notebook: its name, title, question and sections, and its cells as HTML."""

    def __init__(self, path):
        nb = nbformat.read(path, as_version=4)
        self.name = path.stem
        self.title = self.name
        self.question = ""
        self.sections = []  # (anchor, title in English, title in Chinese)
        self.figures = 0
        self.body = "\n".join(self.cell(cell) for cell in nb.cells if cell.source.strip())

    def cell(self, cell):
        if cell.cell_type == "markdown":
            return self.text(cell.source)
        if cell.cell_type != "code":
            return f"<pre>{escape(cell.source)}</pre>"
        code = highlight(cell.source, TypeScriptLexer(), HtmlFormatter(cssclass="code"))
        outputs = "\n".join(self.output(output) for output in cell.outputs)
        return code + (f'<div class="outputs">\n{outputs}\n</div>' if outputs else "")

    def text(self, source):
        if not self.question:
            bold = re.search(r"^\*\*(.+)\*\*$", source, re.M)
            self.question = bold[1] if bold else ""
        renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
        html = MarkdownWithMath(renderer=renderer).render(source)
        html = re.sub(r'href="([\w-]+)\.ipynb(#[^"]*)?"', r'href="\1.html\2"', html)
        html = HEADING.sub(self.heading, html)
        return in_box(html)

    def heading(self, match):
        level, inner = int(match[1]), match[2]
        words = unescape(TAGS.sub("", inner))
        chinese = CHINESE.search(words)
        english = CHINESE.sub("", words)
        anchor = words.replace(" ", "-")  # as JupyterLab and GitHub's viewer make it
        if level == 1:
            self.title = english
        elif level == 2:
            self.sections.append((anchor, english, chinese[1] if chinese else ""))
        inner = CHINESE.sub(r' <span lang="zh">\1</span>', inner)
        link = f'<a class="anchor" href="#{escape(anchor)}" aria-label="Link to this section">#</a>'
        return f'<h{level} id="{escape(anchor)}">{inner}{link if level > 1 else ""}</h{level}>'

    def output(self, output):
        if output.output_type == "stream":
            return pre(output.text, output.name)
        if output.output_type == "error":
            return pre("\n".join(output.traceback), "stderr")
        data = output.data
        said = data.get("text/plain", "")
        if PLOTLY in data:
            return self.figure(data[PLOTLY], said, data.get("image/svg+xml"))
        if "text/html" in data:
            return in_box(data["text/html"])
        if "image/svg+xml" in data:
            return picture("svg+xml", base64_of(data["image/svg+xml"]), said)
        if "image/png" in data:
            alt = output.metadata.get("image/png", {}).get("alt", said)
            return picture("png", data["image/png"].replace("\n", ""), alt)
        return pre(said)

    def figure(self, figure, said, svg):
        self.figures += 1
        layout = figure["layout"]
        style = f"min-height: {layout.get('height', 450)}px"
        if "width" in layout:
            style += f"; max-width: {layout['width']}px"
        source = json.dumps({"data": figure["data"], "layout": layout}).replace("</", "<\\/")
        still = picture("svg+xml", base64_of(svg), said) if svg else pre(said)
        return (
            f'<div class="figure" role="img" aria-label="{escape(said)}" style="{style}"></div>'
            f'<script type="application/json">{source}</script>'
            f"<noscript>{still}</noscript>"
        )


def asset(name):
    return (ASSETS / name).read_text("utf8")


def pre(text, kind="plain"):
    return f'<pre class="{kind}">{escape(ANSI.sub("", text).rstrip())}</pre>'


def in_box(html):
    """What is wider than a phone scrolls in a box of its own."""
    return html.replace("<table", '<div class="wide"><table').replace("</table>", "</table></div>")


def base64_of(text):
    return base64.b64encode(text.encode()).decode()


def picture(kind, data, alt):
    """A picture on white paper, as it was made for it; its width is told, so that CSS can keep it legible."""
    width = ""
    if kind == "png":
        pixels = struct.unpack(">I", base64.b64decode(data[:32])[16:20])[0]
        width = f' style="--width: {pixels}px"'
    source = f"data:image/{kind};base64,{data}"
    return f'<div class="wide"><img class="picture" alt="{escape(alt)}"{width} src="{source}"></div>'


def contents(notebooks, current=None):
    """The navigation that stands on every page: all notebooks, and the sections of the current one."""
    items = []
    for notebook in notebooks:
        here = notebook is current
        sections = "".join(
            f'<li><a href="#{escape(anchor)}">{escape(title)}</a></li>' for anchor, title, _ in notebook.sections
        )
        items.append(
            f'<li><a href="{notebook.name}.html"{" aria-current=page" if here else ""}>{escape(notebook.title)}</a>'
            + (f"<ol>{sections}</ol>" if here and sections else "")
            + "</li>"
        )
    home = ' aria-current="page"' if current is None else ""
    return (
        '<details class="contents" open><summary>Contents</summary>'
        f'<nav aria-label="Contents"><a href="index.html"{home}>{TITLE}</a><ol>{"".join(items)}</ol></nav></details>'
        f"<script>{asset('contents.js')}</script>"
    )


def shell(title, navigation, body, scripts=""):
    formatter = HtmlFormatter(style="xcode", cssclass="code")
    dark = HtmlFormatter(style="github-dark", cssclass="code")
    css = (
        f"{token_colors(formatter)}\n@media (prefers-color-scheme: dark) {{\n{token_colors(dark)}\n}}\n"
        + asset("page.css")
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{css}</style>
<noscript><style>.figure {{ display: none; }}</style></noscript>
</head>
<body>
<a class="skip" href="#text">To the text</a>
{navigation}
<main id="text">
{body}
</main>
{scripts}
</body>
</html>
"""


def token_colors(formatter):
    """The colours of the tokens alone: paper and text are the page's."""
    lines = formatter.get_style_defs(".code").splitlines()
    return "\n".join(line for line in lines if re.match(r"\.code \.\w+ \{", line) and ".hll" not in line)


def notebook_page(notebook, notebooks, plotly_js):
    at = notebooks.index(notebook)
    turns = []
    if at > 0:
        turns.append(f'<a rel="prev" href="{notebooks[at - 1].name}.html">← {escape(notebooks[at - 1].title)}</a>')
    if at + 1 < len(notebooks):
        turns.append(f'<a rel="next" href="{notebooks[at + 1].name}.html">{escape(notebooks[at + 1].title)} →</a>')
    body = notebook.body
    if turns:
        body += f'\n<nav class="turn" aria-label="Previous and next">{"".join(turns)}</nav>'
    scripts = f"<script>{plotly_js}</script>\n<script>{asset('figures.js')}</script>" if notebook.figures else ""
    return shell(f"{notebook.title} · {TITLE}", contents(notebooks, notebook), body, scripts)


def index_page(notebooks, summary, draw):
    seconds = {entry["name"]: entry["seconds"] for entry in summary.get("notebooks", [])}
    items = []
    for notebook in notebooks:
        sections = "".join(
            f'<li><a href="{notebook.name}.html#{escape(anchor)}">{escape(title)}</a>'
            + (f' <span lang="zh">{escape(chinese)}</span>' if chinese else "")
            + "</li>"
            for anchor, title, chinese in notebook.sections
        )
        took = f' <small>{duration(seconds[notebook.name])}</small>' if notebook.name in seconds else ""
        items.append(
            f'<li class="notebook"><h2><a class="title" href="{notebook.name}.html">{escape(notebook.title)}</a>'
            + f"{took}</h2>"
            + (f"<p>{escape(notebook.question)}</p>" if notebook.question else "")
            + (f"<ul>{sections}</ul>" if sections else "")
            + "</li>"
        )
    drawn = '<p><a class="draw" href="draw/index.html">Draw your own digit</a></p>' if draw else ""
    about = "<p>The notebooks of the tutorial as they ran, each a page that needs nothing beside it.</p>"
    body = f'<h1>{TITLE}</h1>\n{about}\n{result(summary)}{drawn}\n<ul class="notebooks">\n{chr(10).join(items)}\n</ul>'
    return shell(TITLE, contents(notebooks), body)


def result(summary):
    """What the run that wrote the pages came to, if it trained."""
    train, test = summary.get("train"), summary.get("test")
    facts = []
    if test:
        facts.append((f"{100 * test['accuracy']:.2f}%", f"of {test['images']:,} test images right"))
    if train:
        epochs = "1 epoch" if train["epochs"] == 1 else f"{train['epochs']} epochs"
        what = f"{epochs} of {train['images']:,} images, {train['steps']:,} steps in {train['precision']}"
        facts.append((duration(train["seconds"]), f"of training: {what}"))
    if summary.get("seconds"):
        count = len(summary["notebooks"])
        ran = "1 notebook" if count == 1 else f"{count} notebooks"
        facts.append((duration(summary["seconds"]), f"for the {ran} of the last run"))
    rows = "".join(f"<div><dt>{escape(value)}</dt><dd>{escape(what)}</dd></div>" for value, what in facts)
    return f'<dl class="result">{rows}</dl>\n' if facts else ""


def duration(seconds):
    seconds = round(seconds)
    return f"{seconds} s" if seconds < 100 else f"{seconds // 60} min {seconds % 60} s"


def main(folder, plotly_js, names):
    there = {path.stem for path in folder.glob("*.html") if path.with_suffix(".ipynb").exists()}
    notebooks = [Notebook(folder / f"{name}.ipynb") for name in sorted(there | set(names))]
    # The text of a script ends at the first closing tag, even within a string.
    library = plotly_js.read_text("utf8").replace("</script", "<\\/script")
    for notebook in notebooks:
        page = notebook_page(notebook, notebooks, library)
        (folder / f"{notebook.name}.html").write_text(page, "utf8")
    summary = folder / "summary.json"
    told = json.loads(summary.read_text("utf8")) if summary.exists() else {}
    draw = (folder / "draw" / "index.html").exists()
    (folder / "index.html").write_text(index_page(notebooks, told, draw), "utf8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
