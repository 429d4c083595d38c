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

# Open beside the text where there is room for both, folded where there is not.
FOLD = """
const contents = document.querySelector('.contents');
const wide = matchMedia('(min-width: 64rem)');
const fold = () => { contents.open = wide.matches; };
wide.addEventListener('change', fold);
contents.addEventListener('click', (event) => {
  if (event.target.closest('a') && !wide.matches) contents.open = false;
});
fold();
"""

# Plotly draws with the page's colours, and again when the scheme or the room changes.
DRAW = """
const narrow = matchMedia('(max-width: 40rem)');
const dark = matchMedia('(prefers-color-scheme: dark)');
const touch = matchMedia('(pointer: coarse)');
const figures = [...document.querySelectorAll('.figure')].map((place) => {
  const { data, layout } = JSON.parse(place.nextElementSibling.textContent);
  return { place, data, layout };
});
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function layoutHere({ title, grid, width, legend, ...layout }) {
  const clear = 'rgba(0, 0, 0, 0)';
  const line = color('--line');
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
  const here = {
    ...layout,
    title: { font: { size: narrow.matches ? 15 : 17 }, ...title },
    margin: narrow.matches ? { l: 56, r: 16, t: 56, b: 56 } : { l: 72, r: 32, t: 64, b: 64 },
    paper_bgcolor: clear,
    plot_bgcolor: clear,
    template: {
      layout: {
        font: { color: color('--text'), family: getComputedStyle(document.body).fontFamily },
        xaxis: axis,
        yaxis: axis,
        hoverlabel: { bgcolor: color('--box'), bordercolor: line, font: { color: color('--text') } },
        modebar: { bgcolor: clear, color: color('--muted'), activecolor: color('--text') },
      },
    },
  };
  if (grid) here.grid = grid;
  if (legend) here.legend = legend;
  if (legend?.y < 0) {
    // Below the plot: at the very bottom, where no axis title is, whatever the height.
    here.legend = { ...legend, yref: 'container', y: 0, yanchor: 'bottom' };
    here.margin.b += 28;
  }
  // A finger on a figure scrolls the page; there is no room to drag a zoom in any case.
  if (touch.matches) here.dragmode = false;
  if (!narrow.matches) return here;
  if (title?.text) here.title.text = title.text.replace(/(.{24,36}) (?=.{4})/g, '$1<br>');
  if (grid?.columns > 1) {
    // Plots that stand side by side go below each other.
    here.grid = { ...grid, rows: grid.rows * grid.columns, columns: 1 };
    here.height = 1.7 * (layout.height ?? 450);
  }
  return here;
}
// The blue of the curves is too dark for a dark page; a scale from white is one from the paper.
const dataHere = (data) => {
  if (!dark.matches) return data;
  const text = JSON.stringify(data)
    .replaceAll('"color":"#1f77b4"', '"color":"#5aa9e6"')
    .replaceAll('31, 119, 180, 0.3', '90, 169, 230, 0.45')
    .replaceAll('#ffffff', color('--page'));
  return JSON.parse(text);
};
const draw = () => {
  const config = { responsive: true, displaylogo: false };
  if (touch.matches) config.displayModeBar = false; // without a mouse it would not go away
  for (const { place, data, layout } of figures) {
    Plotly.react(place, dataHere(data), layoutHere(layout), config);
  }
};
for (const query of [narrow, dark, touch]) query.addEventListener('change', draw);
draw();
"""


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
        f"<script>{FOLD}</script>"
    )


def shell(title, navigation, body, scripts=""):
    formatter = HtmlFormatter(style="xcode", cssclass="code")
    dark = HtmlFormatter(style="github-dark", cssclass="code")
    css = (
        f"{token_colors(formatter)}\n@media (prefers-color-scheme: dark) {{\n{token_colors(dark)}\n}}\n"
        + Path(__file__).with_suffix(".css").read_text("utf8")
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
    scripts = f"<script>{plotly_js}</script>\n<script>{DRAW}</script>" if notebook.figures else ""
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
