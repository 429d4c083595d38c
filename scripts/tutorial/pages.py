"""Writes executed notebooks as web pages that work alone and offline, and an index of them: the templates in page/."""

import base64
import json
import re
import struct
from html import escape, unescape
from pathlib import Path

import nbformat
from markupsafe import Markup
from nbconvert.exporters import TemplateExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import JavascriptLexer
from traitlets.config import Config

HERE = Path(__file__).parent
PLOTLY = HERE.parents[1] / "node_modules/plotly.js-cartesian-dist-min/plotly-cartesian.min.js"
FIGURE = "application/vnd.plotly.v1+json"
# A page shows the first of these that an output has.
KINDS = [FIGURE, "text/html", "image/svg+xml", "image/png", "text/plain"]
# The article's Chinese title, in brackets at the end of a heading.
CHINESE = re.compile(r"\s*[(（]([^()（）]*[\u4e00-\u9fff][^()（）]*)[)）]\s*$")


def write(folder, names):
    """Writes the pages of the notebooks `names` (such as `01-network`) in `folder`, and the index. Writes existing pages
    again: the contents on each list them all. Pages in a folder `zh` are in Chinese. They and those in the folder above
    link to each other."""
    is_chinese = folder.name == "zh"
    existing = {path.stem for path in folder.glob("*.html") if path.with_suffix(".ipynb").exists()}
    anchor_label = "本节链接" if is_chinese else "Link to this section"
    notebooks = [read(folder / f"{name}.ipynb", anchor_label) for name in sorted(existing | set(names))]
    summary = folder / "summary.json"
    exporter = TemplateExporter(
        config=Config({"NbConvertBase": {"display_data_priority": KINDS}}),
        extra_template_basedirs=[str(HERE)],
        template_name="page",
        template_file="notebook.html.j2",
        filters={"code": code, "tables": tables, "png_width": png_width, "duration": duration},
    )
    templates = exporter.environment
    templates.autoescape = True
    templates.globals |= {
        "say": lambda english, chinese: chinese if is_chinese else english,
        "exists": lambda place: (folder / place).exists(),
        "other": "../" if is_chinese else "zh/",
        "notebooks": notebooks,
        "summary": json.loads(summary.read_text("utf8")) if summary.exists() else {},
        "asset": lambda name: Markup((HERE / "page" / name).read_text("utf8")),
        # A browser ends a script at the first closing tag, even inside a string.
        "plotly": Markup(PLOTLY.read_text("utf8").replace("</script", "<\\/script")),
        "token_colors": token_colors,
    }
    for notebook in notebooks:
        page, _ = exporter.from_notebook_node(notebook)
        (folder / f"{notebook.metadata.name}.html").write_text(page, "utf8")
    (folder / "index.html").write_text(templates.get_template("index.html.j2").render(), "utf8")


def read(path, anchor_label):
    """An executed notebook with its Markdown as HTML. Its metadata says what the pages tell about it."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    bold = re.search(r"^\*\*(.+?)\*\*", "\n\n".join(cell.source for cell in texts), re.M)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    renderer = Renderer(anchor_label)
    for cell in texts:
        html = MarkdownWithMath(renderer=renderer).render(cell.source)
        cell.source = tables(re.sub(r'href="([\w-]+)\.ipynb(#[^"]*)?"', r'href="\1.html\2"', html))
    notebook.metadata.update(
        name=path.stem,
        title=renderer.title or path.stem,
        question=bold[1] if bold else "",
        sections=renderer.sections,
        has_figures=any(FIGURE in output.get("data", {}) for output in outputs),
    )
    return notebook


class Renderer(IPythonRenderer):
    """Turns Markdown into HTML, and collects the title and the sections: (anchor, English title, Chinese title)."""

    def __init__(self, anchor_label):
        super().__init__(escape=False, exclude_anchor_links=True)
        self.anchor_label = anchor_label
        self.title = ""
        self.sections = []

    def heading(self, text, level, **_):
        plain = unescape(re.sub(r"<[^>]+>", "", text))
        chinese = CHINESE.search(plain)
        title = CHINESE.sub("", plain)
        anchor = escape(plain.replace(" ", "-"))  # the same anchor as in JupyterLab and on GitHub
        if level == 1:
            self.title = title
        elif level == 2:
            self.sections.append((Markup(anchor), title, chinese[1] if chinese else ""))
        text = CHINESE.sub(r' <span lang="zh">\1</span>', text)
        link = f'<a class="anchor" href="#{anchor}" aria-label="{self.anchor_label}">#</a>'
        return f'<h{level} id="{anchor}">{text}{link if level > 1 else ""}</h{level}>\n'


def tables(html):
    """Puts each table into a box that scrolls if the table is wider than the screen."""
    return Markup(html.replace("<table", '<div class="wide"><table').replace("</table>", "</table></div>"))


def code(source):
    return Markup(highlight(source, JavascriptLexer(), HtmlFormatter(cssclass="code")))


def token_colors(style):
    """CSS for the colors of the tokens only. page.css sets the colors of background and plain text."""
    lines = HtmlFormatter(style=style, cssclass="code").get_style_defs(".code").splitlines()
    return Markup("\n".join(line for line in lines if re.match(r"\.code \.\w+ \{", line) and ".hll" not in line))


def png_width(png):
    return struct.unpack(">I", base64.b64decode(png[:32])[16:20])[0]


def duration(seconds):
    seconds = round(seconds)
    return f"{seconds} s" if seconds < 100 else f"{seconds // 60} min {seconds % 60} s"
