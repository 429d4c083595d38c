"""Writes executed notebooks as web pages that work alone and offline, and an index of them.

Usage: page.py FOLDER PLOTLY_JS NOTEBOOK...

NOTEBOOK is the name (`01-network`) of an .ipynb file in FOLDER. Pages that already exist there are written
again, because the table of contents on each page lists them all. Pages in a folder `zh` are in Chinese. They and the
pages in the folder above link to each other.
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
from pygments.lexers import JavascriptLexer

PLOTLY = "application/vnd.plotly.v1+json"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
TAGS = re.compile(r"<[^>]+>")
HEADING = re.compile(r"<h([1-6])>(.*?)</h\1>", re.S)
# The article's Chinese title, in brackets at the end of a heading.
CHINESE = re.compile(r"\s*[(（]([^()（）]*[\u4e00-\u9fff][^()（）]*)[)）]\s*$")
ASSETS = Path(__file__).with_name("page")
ENGLISH_WORDS = {
    "lang": "en",
    "title": "AlexNet on MNIST in TypeScript",
    "contents": "Contents",
    "skip": "Skip to content",
    "section": "Link to this section",
    "turn": "Previous and next",
    "about": "The tutorial's notebooks with their outputs. Each page works on its own and offline.",
    "draw": "Draw your own digit",
    "draw_how": "To draw your own digit, run <code>npm run draw</code>.",
    "accuracy": "accuracy on {images:,} test images",
    "training": "training time: {epochs} × {images:,} images, {steps:,} steps in {precision}",
    "all": "to run {count} notebooks",
    "other": "中文",
}
CHINESE_WORDS = {
    "lang": "zh-CN",
    "title": "用 TypeScript 实现 AlexNet 识别 MNIST",
    "contents": "目录",
    "skip": "跳到正文",
    "section": "本节链接",
    "turn": "上一节与下一节",
    "about": "教程的全部笔记本及其输出。每个页面都可以单独离线打开。",
    "draw": "自己画一个数字",
    "draw_how": "想自己画数字，请运行 <code>npm run draw</code>。",
    "accuracy": "{images:,} 张测试图像上的准确率",
    "training": "训练时间：{epochs} × {images:,} 张图像，{precision} 精度，共 {steps:,} 步",
    "all": "运行 {count} 个笔记本的时间",
    "other": "English",
}
words = ENGLISH_WORDS  # of the pages that are being written


class Notebook:
    """An executed notebook: its name, title, question and sections, and its cells as HTML."""

    def __init__(self, path):
        self.name = path.stem
        self.title = self.name
        self.question = ""  # the first line in bold
        self.sections = []  # (anchor, English title, Chinese title)
        self.has_figures = False
        cells = nbformat.read(path, as_version=4).cells
        self.body = "\n".join(self.cell(cell) for cell in cells if cell.source.strip())

    def cell(self, cell):
        if cell.cell_type != "code":
            return self.text(cell.source)
        code = highlight(cell.source, JavascriptLexer(), HtmlFormatter(cssclass="code"))
        outputs = "\n".join(self.output(output) for output in cell.outputs)
        return code + (f'<div class="outputs">\n{outputs}\n</div>' if outputs else "")

    def text(self, source):
        bold = re.search(r"^\*\*(.+?)\*\*", source, re.M)
        if bold and not self.question:
            self.question = bold[1]
        renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
        html = MarkdownWithMath(renderer=renderer).render(source)
        html = re.sub(r'href="([\w-]+)\.ipynb(#[^"]*)?"', r'href="\1.html\2"', html)
        return scrollable_tables(HEADING.sub(self.heading, html))

    def heading(self, match):
        level, inner = int(match[1]), match[2]
        plain = unescape(TAGS.sub("", inner))
        chinese = CHINESE.search(plain)
        english = CHINESE.sub("", plain)
        anchor = escape(plain.replace(" ", "-"))  # the same anchor as in JupyterLab and on GitHub
        if level == 1:
            self.title = english
        elif level == 2:
            self.sections.append((anchor, english, chinese[1] if chinese else ""))
        inner = CHINESE.sub(r' <span lang="zh">\1</span>', inner)
        label = words["section"]
        link = f'<a class="anchor" href="#{anchor}" aria-label="{label}">#</a>'
        return f'<h{level} id="{anchor}">{inner}{link if level > 1 else ""}</h{level}>'

    def output(self, output):
        if output.output_type == "stream":
            return pre(output.text, output.name)
        data = output.data
        alt = data.get("text/plain", "")
        if PLOTLY in data:
            self.has_figures = True
            return figure(data[PLOTLY], data["image/svg+xml"], alt)
        if "text/html" in data:
            return scrollable_tables(data["text/html"])
        if "image/svg+xml" in data:  # a drawing; it has its own title for screen readers
            return f'<div class="wide drawing">{data["image/svg+xml"]}</div>'
        if "image/png" in data:
            png = data["image/png"].replace("\n", "")
            width = struct.unpack(">I", base64.b64decode(png[:32])[16:20])[0]
            # CSS cannot ask for the natural width, and needs it to keep the picture legible on a phone.
            return picture("png", png, alt, f' style="--width: {width}px"')
        return pre(alt)


def figure(plot, svg, alt):
    """A Plotly figure. figures.js draws it; without JavaScript the page shows the SVG."""
    layout = plot["layout"]
    style = f"min-height: {layout.get('height', 450)}px"
    if "width" in layout:
        style += f"; max-width: {layout['width']}px"
    source = json.dumps({"data": plot["data"], "layout": layout}).replace("</", "<\\/")
    still = picture("svg+xml", base64.b64encode(svg.encode()).decode(), alt)
    return (
        f'<div class="figure" role="img" aria-label="{escape(alt)}" style="{style}"></div>'
        f'<script type="application/json">{source}</script>'
        f"<noscript>{still}</noscript>"
    )


def picture(kind, data, alt, style=""):
    source = f"data:image/{kind};base64,{data}"
    return f'<div class="wide"><img class="picture" alt="{escape(alt)}"{style} src="{source}"></div>'


def pre(text, kind="plain"):
    return f'<pre class="{kind}">{escape(ANSI.sub("", text).rstrip())}</pre>'


def scrollable_tables(html):
    """Puts each table into a box that scrolls if the table is wider than the screen."""
    return html.replace("<table", '<div class="wide"><table').replace("</table>", "</table></div>")


def asset(name):
    return (ASSETS / name).read_text("utf8")


def contents(notebooks, current=None):
    """The table of contents of every page: all notebooks, and the sections of the current one."""
    items = []
    for notebook in notebooks:
        sections = "".join(f'<li><a href="#{anchor}">{escape(title)}</a></li>' for anchor, title, _ in notebook.sections)
        is_current = notebook is current
        items.append(
            f'<li><a href="{notebook.name}.html"{" aria-current=page" if is_current else ""}>{escape(notebook.title)}</a>'
            + (f"<ol>{sections}</ol>" if is_current and sections else "")
            + "</li>"
        )
    home = ' aria-current="page"' if current is None else ""
    title, label = words["title"], words["contents"]
    return (
        f'<details class="contents" open><summary>{label}</summary>'
        f'<nav aria-label="{label}"><a href="index.html"{home}>{title}</a><ol>{"".join(items)}</ol></nav></details>'
        f"<script>{asset('contents.js')}</script>"
    )


def shell(title, navigation, body, other, scripts=""):
    """A page. `other` is the link to the same page in the other language, or empty."""
    return f"""<!DOCTYPE html>
<html lang="{words["lang"]}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{token_colors("xcode")}
@media (prefers-color-scheme: dark) {{
{token_colors("github-dark")}
}}
{asset("page.css")}</style>
<noscript><style>.figure {{ display: none; }}</style></noscript>
</head>
<body>
<a class="skip" href="#text">{words["skip"]}</a>
{navigation}
<main id="text">
{other}
{body}
</main>
{scripts}
</body>
</html>
"""


def token_colors(style):
    """CSS for the colours of the tokens only. page.css sets the colours of background and plain text."""
    lines = HtmlFormatter(style=style, cssclass="code").get_style_defs(".code").splitlines()
    return "\n".join(line for line in lines if re.match(r"\.code \.\w+ \{", line) and ".hll" not in line)


def other_language(folder, page):
    """A link to the same page in the other language, if there is one."""
    place = f"../{page}" if folder.name == "zh" else f"zh/{page}"
    if not (folder / place).exists():
        return ""
    language = "en" if folder.name == "zh" else "zh-CN"
    return f'<a class="language" lang="{language}" href="{place}">{words["other"]}</a>'


def notebook_page(notebook, notebooks, other, plotly_js):
    at = notebooks.index(notebook)
    links = ""
    if at > 0:
        previous = notebooks[at - 1]
        links += f'<a rel="prev" href="{previous.name}.html">← {escape(previous.title)}</a>'
    if at + 1 < len(notebooks):
        following = notebooks[at + 1]
        links += f'<a rel="next" href="{following.name}.html">{escape(following.title)} →</a>'
    body = notebook.body
    if links:
        body += f'\n<nav class="turn" aria-label="{words["turn"]}">{links}</nav>'
    scripts = f"<script>{plotly_js}</script>\n<script>{asset('figures.js')}</script>" if notebook.has_figures else ""
    title = f"{notebook.title} · {words['title']}"
    return shell(title, contents(notebooks, notebook), body, other, scripts)


def index_page(notebooks, summary, draw_page, other):
    seconds = {entry["name"]: entry["seconds"] for entry in summary.get("notebooks", [])}
    items = []
    for notebook in notebooks:
        page = f"{notebook.name}.html"
        sections = "".join(
            f'<li><a href="{page}#{anchor}">{escape(title)}</a>'
            + (f' <span lang="zh">{escape(chinese)}</span>' if chinese else "")
            + "</li>"
            for anchor, title, chinese in notebook.sections
        )
        took = f" <small>{duration(seconds[notebook.name])}</small>" if notebook.name in seconds else ""
        items.append(
            f'<li class="notebook"><h2><a class="title" href="{page}">{escape(notebook.title)}</a>{took}</h2>'
            + (f"<p>{escape(notebook.question)}</p>" if notebook.question else "")
            + (f"<ul>{sections}</ul>" if sections else "")
            + "</li>"
        )
    draw = ""
    if draw_page:
        # A page opened as a file cannot load the network.
        draw = (
            f'<p class="draw-link"><a class="draw" href="{draw_page}">{words["draw"]}</a></p>'
            f'<p class="draw-how" hidden>{words["draw_how"]}</p>'
            f"<script>{asset('draw-link.js')}</script>"
        )
    body = (
        f"<h1>{words['title']}</h1>\n<p>{words['about']}</p>\n{results(summary)}{draw}\n"
        f'<ul class="notebooks">\n{chr(10).join(items)}\n</ul>'
    )
    return shell(words["title"], contents(notebooks), body, other)


def results(summary):
    """The results of the run that wrote summary.json."""
    train, test = summary.get("train"), summary.get("test")
    facts = []
    if test:
        facts.append((f"{100 * test['accuracy']:.2f}%", words["accuracy"].format(**test)))
    if train:
        facts.append((duration(train["seconds"]), words["training"].format(**train)))
    if summary.get("seconds"):
        facts.append((duration(summary["seconds"]), words["all"].format(count=len(summary["notebooks"]))))
    rows = "".join(f"<div><dt>{escape(value)}</dt><dd>{escape(what)}</dd></div>" for value, what in facts)
    return f'<dl class="result">{rows}</dl>\n' if facts else ""


def duration(seconds):
    seconds = round(seconds)
    return f"{seconds} s" if seconds < 100 else f"{seconds // 60} min {seconds % 60} s"


def main(folder, plotly_js, names):
    global words
    is_chinese = folder.name == "zh"
    words = CHINESE_WORDS if is_chinese else ENGLISH_WORDS
    existing = {path.stem for path in folder.glob("*.html") if path.with_suffix(".ipynb").exists()}
    notebooks = [Notebook(folder / f"{name}.ipynb") for name in sorted(existing | set(names))]
    # A browser ends a script at the first closing tag, even inside a string.
    library = plotly_js.read_text("utf8").replace("</script", "<\\/script")
    for notebook in notebooks:
        page = f"{notebook.name}.html"
        other = other_language(folder, page)
        (folder / page).write_text(notebook_page(notebook, notebooks, other, library), "utf8")
    file = folder / "summary.json"
    summary = json.loads(file.read_text("utf8")) if file.exists() else {}
    draw_page = "../draw/index.html" if is_chinese else "draw/index.html"
    found = draw_page if (folder / draw_page).exists() else ""
    index = index_page(notebooks, summary, found, other_language(folder, "index.html"))
    (folder / "index.html").write_text(index, "utf8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
